//! How many threads are worth their while on this machine.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::Path;
use std::thread;

/// Threads for computing: as many as this process may use processors (its affinity and its cgroup's quota), but no
/// more than there are physical cores, since the second thread of a core has no units of its own.
pub fn default_threads() -> usize {
    let allowed = thread::available_parallelism().map_or(1, NonZero::get);
    physical_cores(Path::new("/sys/devices/system/cpu")).map_or(allowed, |cores| cores.min(allowed))
}

/// Sets of processors that share a core, counted; `None` where the system does not tell.
fn physical_cores(folder: &Path) -> Option<usize> {
    let mut cores = BTreeSet::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let siblings = entry.path().join("topology/thread_siblings_list");
        if let Ok(siblings) = std::fs::read_to_string(siblings) {
            cores.insert(siblings);
        }
    }
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_that_share_a_core_count_once() {
        let folder = std::env::temp_dir().join(format!("cores-{}", std::process::id()));
        for (number, siblings) in ["0,2", "1,3", "0,2", "1,3"].iter().enumerate() {
            let topology = folder.join(format!("cpu{number}/topology"));
            std::fs::create_dir_all(&topology).expect("is writable");
            let file = topology.join("thread_siblings_list");
            std::fs::write(file, siblings).expect("is writable");
        }
        assert_eq!(physical_cores(&folder), Some(2));
        std::fs::remove_dir_all(&folder).expect("is ours");
        assert_eq!(physical_cores(&folder), None);
        assert!(default_threads() >= 1);
    }
}
