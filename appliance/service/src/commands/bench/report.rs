//! The figures, as text and as JSON.

use std::fmt;

use inference_nn::DecoderInfo;
use serde::Serialize;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) instruction_set: String,
    pub(super) threads: usize,
    pub(super) model: Model,
    pub(super) limits: Limits,
    pub(super) prefill: Phase,
    pub(super) decode: Phase,
    pub(super) batches: Vec<Batch>,
}

/// The model, as loaded.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Model {
    pub(super) architecture: String,
    pub(super) parameters: u64,
    pub(super) weights_bytes: u64,
    pub(super) load_seconds: f64,
}

impl Model {
    pub(super) fn new(info: &DecoderInfo, load_seconds: f64) -> Self {
        Self {
            architecture: info.architecture.clone(),
            parameters: info.parameters,
            weights_bytes: info.weights_bytes,
            load_seconds,
        }
    }
}

/// What the machine can do at most.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(
    clippy::struct_field_names,
    reason = "the names are the report's, where each states its unit"
)]
pub(super) struct Limits {
    pub(super) memory_bytes_per_second: f64,
    pub(super) int8_operations_per_second: f64,
    pub(super) f32_operations_per_second: f64,
}

/// One stream: reading a prompt is held against the int8 limit, generating against memory.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Phase {
    pub(super) tokens: usize,
    pub(super) tokens_per_second: f64,
    pub(super) share_of_limit: f64,
}

/// Several streams, all together.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Batch {
    pub(super) streams: usize,
    pub(super) tokens_per_second: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (giga, percent) = (|x: f64| x * 1e-9, |x: f64| x * 100.0);
        writeln!(
            f,
            "machine   {} threads, {}",
            self.threads, self.instruction_set
        )?;
        writeln!(
            f,
            "limits    {:.1} GB/s memory, {:.0} GOP/s int8, {:.0} GFLOP/s f32",
            giga(self.limits.memory_bytes_per_second),
            giga(self.limits.int8_operations_per_second),
            giga(self.limits.f32_operations_per_second)
        )?;
        writeln!(
            f,
            "model     {}, {:.2} billion weights in {:.2} GB, loaded in {:.2} s",
            self.model.architecture,
            giga(self.model.parameters as f64),
            giga(self.model.weights_bytes as f64),
            self.model.load_seconds
        )?;
        writeln!(
            f,
            "prefill   {:.1} tokens/s of {} ({:.0} % of the int8 limit)",
            self.prefill.tokens_per_second,
            self.prefill.tokens,
            percent(self.prefill.share_of_limit)
        )?;
        write!(
            f,
            "decode    {:.1} tokens/s of {} ({:.0} % of the memory limit)",
            self.decode.tokens_per_second,
            self.decode.tokens,
            percent(self.decode.share_of_limit)
        )?;
        for batch in &self.batches {
            let (streams, rate) = (batch.streams, batch.tokens_per_second);
            write!(f, "\n{streams:>2} streams {rate:.1} tokens/s together")?;
        }
        Ok(())
    }
}
