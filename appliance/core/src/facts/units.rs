//! Values of series in words, with the unit their names state.
//!
//! The names follow the conventions of Prometheus: the unit is a suffix, and
//! what counts (`_total`) is shown as its growth per second.

/// `value` of a series of that name, as a person writes it.
pub(crate) fn shown(name: &str, value: f64) -> String {
    let counts = ["_total", "_count", "_sum"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let stem = counts.unwrap_or(name);
    let unit = |ends: &[&str]| ends.iter().any(|end| stem.ends_with(end));
    if unit(&["cpu_usage_seconds", "cpu_seconds", "_cores"]) {
        return format!("{value:.2} CPUs");
    }
    let plain = if unit(&["_milliseconds", "_ms", "_millis"]) {
        seconds(value / 1000.0)
    } else if unit(&["_seconds"]) {
        seconds(value)
    } else if unit(&["_bytes"]) {
        bytes(value)
    } else if unit(&["_ratio"]) {
        format!("{:.1} %", value * 100.0)
    } else if unit(&["_percent"]) {
        format!("{value:.1} %")
    } else {
        number(value)
    };
    let per_second = counts.is_some() || stem.ends_with("per_second");
    if per_second {
        format!("{plain}/s")
    } else {
        plain
    }
}

fn seconds(value: f64) -> String {
    match value.abs() {
        size if size >= 120.0 => format!("{:.1} min", value / 60.0),
        size if size >= 1.0 => format!("{value:.2} s"),
        size if size >= 1e-3 => format!("{:.0} ms", value * 1e3),
        0.0 => "0 s".to_owned(),
        _ => format!("{:.0} µs", value * 1e6),
    }
}

fn bytes(value: f64) -> String {
    const UNITS: [(&str, f64); 3] = [
        ("GiB", 1_073_741_824.0),
        ("MiB", 1_048_576.0),
        ("KiB", 1024.0),
    ];
    let unit = UNITS.iter().find(|(_, size)| value.abs() >= *size);
    unit.map_or_else(
        || format!("{value:.0} B"),
        |(name, size)| format!("{:.1} {name}", value / size),
    )
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_state_units() {
        for (name, value, expected) in [
            ("request_duration_p95_seconds", 0.1234, "123 ms"),
            ("request_duration_p95_seconds", 1.7, "1.70 s"),
            ("service_request_duration_milliseconds", 2500.0, "2.50 s"),
            ("x_seconds", 0.000_2, "200 µs"),
            ("x_seconds", 0.0, "0 s"),
            ("x_seconds", 600.0, "10.0 min"),
            ("container_memory_working_set_bytes", 3e8, "286.1 MiB"),
            ("x_bytes_total", 2048.0, "2.0 KiB/s"),
            ("container_cpu_usage_seconds_total", 0.9, "0.90 CPUs"),
            ("container_cpu_throttled_ratio", 0.256, "25.6 %"),
            ("http_requests_total", 12.34, "12.3/s"),
            ("requests_per_second", 0.25, "0.250/s"),
            ("queue_messages_ready", 1500.0, "1500"),
            ("queue_messages_ready", 3.0, "3"),
        ] {
            assert_eq!(shown(name, value), expected, "{name} {value}");
        }
    }
}
