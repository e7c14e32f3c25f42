//! Kubernetes quantities as numbers: `250m`, `1.5Gi`, `2e3`.
//!
//! Values are `f64` in base units (cores, bytes, pieces): exact enough to say
//! what fits, and no overflow on hostile input.
//!
//! # Source
//! `k8s.io/apimachinery/pkg/api/resource`, the canonical form of `Quantity`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const SUFFIXES: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// The number `text` stands for; `None` when it is no quantity.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let (digits, factor) = SUFFIXES
        .iter()
        .find_map(|&(suffix, factor)| Some((text.strip_suffix(suffix)?, factor)))
        .unwrap_or((text, 1.0));
    let is_number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'e' | b'E'));
    if !is_number {
        return None;
    }
    let value = digits.parse::<f64>().ok()? * factor;
    value.is_finite().then_some(value)
}

/// The number a quantity stands for; an unreadable one counts as zero.
pub(crate) fn value(quantity: &Quantity) -> f64 {
    parse(&quantity.0).unwrap_or(0.0)
}

/// Cores for people: `250m` below one, `1.5` above.
pub(crate) fn cores(cores: f64) -> String {
    if cores.abs() < 1.0 {
        format!("{:.0}m", cores * 1000.0)
    } else {
        trimmed(cores)
    }
}

/// Bytes for people in binary units: `512Mi`, `1.5Gi`.
pub(crate) fn bytes(bytes: f64) -> String {
    let units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut scaled = bytes;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{}{}", trimmed(scaled), units[unit])
}

/// At most two decimals, none that are zero.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<f64>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn suffixes_scale_and_exponents_are_read() {
        check("250m", Some(0.25));
        check("1.5Gi", Some(1_610_612_736.0));
        check("2e3", Some(2000.0));
        check("1E", Some(1e18));
        check("12", Some(12.0));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "Gi", "ten", "inf", "NaN", "1e999", "1 Gi"] {
            check(text, None);
        }
    }

    #[test]
    fn numbers_for_people_are_short() {
        assert_eq!(cores(0.25), "250m");
        assert_eq!(cores(8.0), "8");
        assert_eq!(bytes(536_870_912.0), "512Mi");
        assert_eq!(bytes(1_610_612_736.0), "1.5Gi");
    }
}
