//! Ollama's `options` as sampling parameters.

use inference_core::SamplingParams;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::sampling::OneOrMany;

/// Reads `options`. What concerns loading (`num_ctx`, `num_gpu`, …) is the operator's here and not looked at.
pub(super) fn sampling(mut options: Fields) -> Result<SamplingParams, ApiError> {
    // Ollama's own defaults, which models served there are used with.
    let mut sampling = SamplingParams {
        temperature: 0.8,
        top_k: 40,
        top_p: 0.9,
        ..SamplingParams::default()
    };
    let numbers: [(&'static str, &mut f32); 7] = [
        ("temperature", &mut sampling.temperature),
        ("top_p", &mut sampling.top_p),
        ("min_p", &mut sampling.min_p),
        ("typical_p", &mut sampling.typical_p),
        ("presence_penalty", &mut sampling.presence_penalty),
        ("frequency_penalty", &mut sampling.frequency_penalty),
        ("repeat_penalty", &mut sampling.repetition_penalty),
    ];
    for (name, number) in numbers {
        *number = options.take(name)?.unwrap_or(*number);
    }
    if let Some(top_k) = options.take::<i64>("top_k")? {
        sampling.top_k = usize::try_from(top_k).unwrap_or(0);
    }
    sampling.seed = options.take::<i64>("seed")?.map(i64::cast_unsigned);
    sampling.stop = options
        .take::<OneOrMany>("stop")?
        .map_or_else(Vec::new, OneOrMany::into_vec);
    // -2 fills the window, as does -1.
    sampling.max_tokens = match options.take::<i64>("num_predict")? {
        None | Some(-2 | -1) => None,
        Some(number) => Some(usize::try_from(number).map_err(|_| {
            ApiError::invalid(
                Some("num_predict"),
                format!("num_predict must be at least 1, not {number}"),
            )
        })?),
    };
    Ok(sampling)
}
