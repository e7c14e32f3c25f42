//! What this machine can do, measured once, and which model it is enough for.
//!
//! Leaves the meaning of the figures to `inference-core`, and the models' own speed to the
//! engine, which measures each as it is loaded.
//!
//! Invariant: at start it is measured once a process, takes a fraction of a second, and nobody waits
//! for it but the model.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use anyhow::Context;
use inference_core::speed::{Machine, advice};
use inference_kernels::instruction_set;
use inference_kernels::limits::{Limits, bytes_beyond_caches};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::memory;

/// Of the memory, which may be short, one part in so many is read at most to measure it.
const READ_SHARE: u64 = 8;
/// Memory that is assumed where the system does not say: that of a small site's machine.
pub(crate) const MEMORY_BYTES: u64 = 8 << 30;

/// Threads a model may use where the configuration does not say: as many physical cores as the process may use.
pub(crate) fn threads() -> usize {
    inference_nn::default_threads()
}

/// Bytes of memory this process may use.
pub(crate) fn memory_bytes() -> u64 {
    memory::limit().unwrap_or(MEMORY_BYTES)
}

/// Bytes that are read to measure the memory: more than caches hold, if there is as much.
pub(crate) fn bytes_read() -> usize {
    let most = usize::try_from(memory_bytes() / READ_SHARE).unwrap_or(usize::MAX);
    bytes_beyond_caches().min(most)
}

/// What `threads` threads can do, measured over `bytes` bytes of memory.
///
/// # Errors
/// Threads or memory that cannot be had.
pub(crate) fn measure(threads: usize, bytes: usize) -> anyhow::Result<Limits> {
    let pool = inference_nn::Pool::new(threads).context("start threads")?;
    pool.install(|| Limits::measure(bytes))
        .context("measure memory")
}

/// What is expected of models on a machine of these limits.
pub(crate) fn machine(limits: &Limits) -> Machine {
    Machine {
        memory_bytes: memory_bytes(),
        memory_bytes_per_second: limits.memory_bytes,
        whole_operations_per_second: limits.whole_operations,
    }
}

/// What was measured at the start.
static MEASURED: OnceLock<Option<Machine>> = OnceLock::new();

/// What was measured at the start, if it was.
pub(crate) fn known() -> Option<&'static Machine> {
    MEASURED.get()?.as_ref()
}

/// Measures the machine, if that was not done; `None` where it cannot be. Blocks for about a second.
pub(crate) fn at_start() -> Option<&'static Machine> {
    let measured = MEASURED.get_or_init(|| {
        let threads = threads();
        let limits = measure(threads, bytes_read())
            .inspect_err(|error| tracing::warn!(error = %format!("{error:#}"), "the machine was not measured"))
            .ok()?;
        let machine = machine(&limits);
        tracing::info!(
            threads,
            instruction_set = instruction_set(),
            memory_gigabytes_per_second = (limits.memory_bytes * 1e-9).round(),
            int8_gigaoperations_per_second = (limits.whole_operations * 1e-9).round(),
            "{}",
            advice(&machine)
        );
        Some(machine)
    });
    measured.as_ref()
}

/// The machine's limits as metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct MachineMetrics {
    memory: Gauge<f64, AtomicU64>,
    whole: Gauge<f64, AtomicU64>,
}

impl MachineMetrics {
    /// Registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "anchorite_machine_memory_bytes_per_second",
            "Bytes read from memory in a second by all threads, as measured at the start",
            metrics.memory.clone(),
        );
        registry.register(
            "anchorite_machine_int8_operations_per_second",
            "Multiplications and additions of bytes in a second by all threads, as measured at the start",
            metrics.whole.clone(),
        );
        metrics
    }

    /// Tells what was measured.
    pub(crate) fn set(&self, machine: &Machine) {
        self.memory.set(machine.memory_bytes_per_second);
        self.whole.set(machine.whole_operations_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_measured_once_and_told_as_metrics() {
        let found = at_start().expect("can be measured");
        assert!(found.memory_bytes_per_second > 0.0 && found.whole_operations_per_second > 0.0);
        assert!(std::ptr::eq(found, at_start().expect("is kept")));
        assert!(std::ptr::eq(found, known().expect("is kept")));
        let mut registry = Registry::default();
        MachineMetrics::register(&mut registry).set(found);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("is text");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("anchorite_machine_memory_bytes_per_second "));
        assert!(line.is_some_and(|value| value != "0.0"), "{text}");
    }
}
