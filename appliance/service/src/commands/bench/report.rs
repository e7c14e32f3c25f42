//! The figures, as JSON.

mod text;

use inference_core::speed::{CLASSES, ModelClass, advice, recommended};
use inference_kernels::instruction_set;
use inference_kernels::limits::Limits;
use inference_nn::DecoderInfo;
use serde::Serialize;

use crate::machine;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: MachineReport,
    /// Absent where no model was given.
    pub(super) model: Option<ModelReport>,
    /// Absent where it was not asked for.
    pub(super) work: Option<WorkReport>,
}

impl Report {
    /// A report of the machine alone.
    pub(super) fn of(machine: MachineReport) -> Self {
        Self {
            machine,
            model: None,
            work: None,
        }
    }
}

/// What the machine can do at most, and what to expect of models on it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MachineReport {
    pub(super) instruction_set: String,
    pub(super) threads: usize,
    pub(super) memory_bytes: u64,
    pub(super) memory_bytes_per_second: f64,
    pub(super) int8_operations_per_second: f64,
    /// Absent where the machine has no instructions for BF16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bf16_operations_per_second: Option<f64>,
    pub(super) f32_operations_per_second: f64,
    /// Programs that wanted a processor during the last minute; none of them helps a measurement.
    pub(super) load_average: Option<f64>,
    pub(super) classes: Vec<ClassReport>,
    pub(super) recommended: Option<String>,
    pub(super) advice: String,
}

impl MachineReport {
    pub(super) fn new(threads: usize, limits: &Limits) -> Self {
        let machine = machine::machine(limits);
        Self {
            instruction_set: instruction_set().to_owned(),
            threads,
            memory_bytes: machine.memory_bytes,
            memory_bytes_per_second: limits.memory_bytes,
            int8_operations_per_second: limits.whole_operations,
            bf16_operations_per_second: limits.half_operations,
            f32_operations_per_second: limits.real_operations,
            load_average: load_average(),
            classes: CLASSES
                .iter()
                .map(|class| ClassReport::new(class, &machine))
                .collect(),
            recommended: recommended(&machine).map(|class| class.name.to_owned()),
            advice: advice(&machine),
        }
    }
}

fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// What to expect of models of one size, stored as `Q4_K_M`; estimated, not measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ClassReport {
    pub(super) name: String,
    pub(super) memory_bytes: u64,
    pub(super) fits: bool,
    pub(super) prefill_tokens_per_second: f64,
    pub(super) decode_tokens_per_second: f64,
    pub(super) analysis_seconds: f64,
}

impl ClassReport {
    fn new(class: &ModelClass, machine: &inference_core::speed::Machine) -> Self {
        let speed = class.speed(machine);
        Self {
            name: class.name.to_owned(),
            memory_bytes: class.memory_bytes(),
            fits: class.fits(machine),
            prefill_tokens_per_second: speed.prefill,
            decode_tokens_per_second: speed.decode,
            analysis_seconds: speed.analysis_seconds(),
        }
    }
}

/// A model, as loaded and measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ModelReport {
    pub(super) architecture: String,
    pub(super) parameters: u64,
    pub(super) weights_bytes: u64,
    pub(super) load_seconds: f64,
    /// Most bytes the machine reads in a second, of as many as the weights have.
    pub(super) read_bytes_per_second: f64,
    /// Time of the first token right after loading.
    pub(super) first_token_seconds: f64,
    /// Memory the process took for it when the first token was there; absent where the system does not say.
    pub(super) resident_bytes: Option<u64>,
    pub(super) prefill: Vec<Phase>,
    pub(super) decode: Vec<Phase>,
    pub(super) batches: Vec<Batch>,
    /// Whether logits were equal to the last bit with other threads, other pieces and in company.
    /// There is no other mode, so it costs nothing to switch on.
    pub(super) deterministic: bool,
}

impl ModelReport {
    pub(super) fn new(info: &DecoderInfo, load_seconds: f64, read_bytes_per_second: f64) -> Self {
        Self {
            architecture: info.architecture.clone(),
            parameters: info.parameters,
            weights_bytes: info.weights_bytes,
            load_seconds,
            read_bytes_per_second,
            first_token_seconds: 0.0,
            resident_bytes: None,
            prefill: Vec::new(),
            decode: Vec::new(),
            batches: Vec::new(),
            deterministic: false,
        }
    }
}

/// One stream: reading is held against the limit of products with weights of their types, generating against memory.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Phase {
    /// Tokens read, or tokens before those generated.
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

/// The product's own work.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkReport {
    pub(super) incidents: usize,
    /// With all shortcuts first, then without each of them.
    pub(super) ways: Vec<Way>,
}

/// The same work, done in one way.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Way {
    pub(super) name: String,
    /// One incident on an engine that has seen none.
    pub(super) first: Done,
    /// All incidents at once.
    pub(super) storm: Done,
    /// Answers that are those of the first way, letter by letter, of all of the storm.
    pub(super) same_answers: usize,
}

/// What was done, and in which time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Done {
    pub(super) seconds: f64,
    pub(super) prompt_tokens: usize,
    pub(super) cached_tokens: usize,
    pub(super) completion_tokens: usize,
    pub(super) forced_tokens: usize,
    pub(super) drafted_tokens: usize,
    pub(super) accepted_tokens: usize,
}
