//! How much memory this process may use: the least of what the machine has and its control
//! group allows.

use std::fs;

/// Where the limit of the control group stands, version 2 and version 1.
const LIMITS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// Bytes this process may use; `None` where the system does not say.
pub(crate) fn limit() -> Option<u64> {
    let group = LIMITS.iter().filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        // `max` is no number: there is no limit.
        text.trim().parse().ok()
    });
    let machine = fs::read_to_string("/proc/meminfo").ok();
    group.chain(machine.as_deref().and_then(total)).min()
}

/// Bytes of memory this process takes at this moment; `None` where the system does not say.
pub(crate) fn resident() -> Option<u64> {
    line(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The machine's memory in `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    line(meminfo, "MemTotal:")
}

/// The bytes that the line called `name` tells in kibibytes.
fn line(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read_in_bytes() {
        let text = "MemFree: 1 kB\nMemTotal:       16384 kB\n";
        assert_eq!(total(text), Some(16 << 20));
        assert_eq!(total("MemTotal: much\n"), None);
        assert_eq!(total(""), None);
    }
}
