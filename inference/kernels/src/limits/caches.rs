//! How much the caches of this machine hold.

use std::fs;

/// Bytes of memory to read for a figure to publish: four times the largest cache, and no less than this.
const BYTES_MIN: usize = 512 << 20;
/// Where Linux describes the caches of the first processor.
const CACHES: &str = "/sys/devices/system/cpu/cpu0/cache";

/// Bytes of which caches hold a quarter at most, so that memory is what is measured.
pub fn bytes_beyond_caches() -> usize {
    largest().map_or(BYTES_MIN, |cache| (4 * cache).max(BYTES_MIN))
}

/// Bytes of the largest cache, where the system says.
fn largest() -> Option<usize> {
    let sizes = fs::read_dir(CACHES).ok()?.flatten().filter_map(|cache| {
        let text = fs::read_to_string(cache.path().join("size")).ok()?;
        size(text.trim())
    });
    sizes.max()
}

/// What `text` says, like `2048K` or `32M`.
fn size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let unit = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_the_units_of_linux() {
        assert_eq!(size("266240K"), Some(266_240 << 10));
        assert_eq!(size("32M"), Some(32 << 20));
        assert_eq!(size("512"), Some(512));
        for wrong in [
            "",
            "K",
            "12KM",
            "-3K",
            "99999999999999999999",
            "9999999999999999G",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn some_caches_are_passed() {
        assert!(bytes_beyond_caches() >= BYTES_MIN);
    }
}
