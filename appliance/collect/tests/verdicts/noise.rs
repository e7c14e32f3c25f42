//! Lines that programs write every day and that mean nothing.

use crate::bundle::Files;
use crate::reorder::Chance;

const LINES: [&str; 8] = [
    "INFO request served path=/healthz status=200 duration=0.8ms",
    "DEBUG cache lookup miss, loading from source",
    "INFO gc pause 1.2ms heap 41MB",
    "WARN slow consumer, 3 items behind",
    "INFO retry policy: backoff 100ms, at most 5 attempts, timeout 30s",
    "INFO error budget 99.3 % left",
    "INFO connection pool: 3 idle, 2 in use, 20 max",
    "DEBUG feature flag 'failover-on-timeout' is off",
];

/// Most lines added to one log.
const MOST: usize = 40;

/// Writes such lines into every log, at its beginning, where they hide nothing
/// that came last.
pub(crate) fn add(files: &mut Files, seed: u64) {
    let mut chance = Chance(seed + 11);
    for (path, text) in &mut files.0 {
        if !path.ends_with("/logs.txt") {
            continue;
        }
        let mut out = String::with_capacity(text.len());
        for line in text.lines() {
            out.push_str(line);
            out.push('\n');
            if line.starts_with("==== START") {
                for _ in 0..chance.below(MOST) {
                    out.push_str(LINES[chance.below(LINES.len())]);
                    out.push('\n');
                }
            }
        }
        *text = out;
    }
}
