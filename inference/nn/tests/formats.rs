//! Whole models in every storage type, and experts packed as gpt-oss's checkpoints have them.
//!
//! Blocks are random bytes with sensible scales; the reference is the same model with each weight widened to 32 bits.

use inference_kernels::{Bytes, Dtype, Matrix};
use inference_nn::{
    Activations, BlockId, DecoderOptions, Gguf, Logits, ModelSource, Safetensors, Segment, load,
};
use serde_json::{Map, Value, json};

#[path = "support/tiny.rs"]
mod tiny;

use tiny::writer::{GgufWriter, StoredTensor, checkpoint, encode, half};
use tiny::{Tiny, upper_bytes};

/// Largest mean squared error of logits, as a share of their mean square.
const NMSE_MAX: f64 = 1e-10;
/// What activations of bytes may cost.
const NMSE_ROUNDED_MAX: f64 = 5e-3;

const HIDDEN: usize = 256;
const LAYERS: usize = 2;
const VOCAB: usize = 67;

fn logits(source: &ModelSource, activations: Activations) -> Vec<f32> {
    let options = DecoderOptions {
        activations,
        ..DecoderOptions::default()
    };
    let mut decoder = load(source, options).expect("is supported");
    let tokens: Vec<u32> = (0..30).map(|token| token * 11 % 67).collect();
    let segment = Segment {
        tokens: &tokens,
        position: 0,
        blocks: &[BlockId(1), BlockId(0)],
        logits: Logits::All,
    };
    decoder.forward(&[segment]).expect("fits").to_vec()
}

/// Compares and gives the error with rounded activations.
#[track_caller]
fn check(what: &str, found: &ModelSource, expected: &ModelSource) -> f64 {
    let expected = logits(expected, Activations::Exact);
    let error = |activations, most| {
        let nmse = nmse(&logits(found, activations), &expected);
        assert!(nmse < most, "{what}, {activations:?}: NMSE {nmse:.1e}");
        nmse
    };
    error(Activations::Exact, NMSE_MAX);
    error(Activations::Rounded, NMSE_ROUNDED_MAX)
}

fn nmse(found: &[f32], expected: &[f32]) -> f64 {
    let pairs = || {
        found
            .iter()
            .zip(expected)
            .map(|(f, e)| (f64::from(*f), f64::from(*e)))
    };
    let error: f64 = pairs().map(|(f, e)| (f - e).powi(2)).sum();
    error / pairs().map(|(_, e)| e.powi(2)).sum::<f64>()
}

/// Places of a block's scale and minimum, and the minimum in scales that makes the mean zero.
fn scales(dtype: Dtype) -> (usize, Option<(usize, f32)>) {
    match dtype {
        Dtype::Q4_1 => (0, Some((2, -7.5))),
        Dtype::Q5_1 => (0, Some((2, -15.5))),
        Dtype::Q2K => (80, Some((82, 1.5))),
        Dtype::Q3K => (108, None),
        Dtype::Q4K => (0, Some((2, 7.5))),
        Dtype::Q5K => (0, Some((2, 15.5))),
        Dtype::Q6K => (208, None),
        _ => (0, None),
    }
}

/// Random rows stored as `dtype`, with weights of about the size that keeps activations alive.
fn rows(name: &str, rows: usize, columns: usize, dtype: Dtype) -> Vec<u8> {
    let weights = columns * rows;
    if dtype.block_weights() == 1 {
        let values = upper_bytes(name, weights).into_iter();
        let values: Vec<f32> = values.map(|u| (f32::from(u) - 128.0) / 1024.0).collect();
        return encode(&values, dtype);
    }
    let mut bytes = upper_bytes(name, weights / dtype.block_weights() * dtype.block_bytes());
    let mut scale = |scale: f32| {
        for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
            if dtype == Dtype::Mxfp4 {
                block[0] = 122;
                continue;
            }
            let (at, minimum) = scales(dtype);
            block[at..at + 2].copy_from_slice(&half(scale).to_le_bytes());
            if let Some((at, share)) = minimum {
                block[at..at + 2].copy_from_slice(&half(scale * share).to_le_bytes());
            }
        }
        bytes.clone()
    };
    let plain = widen(scale(1.0), rows, columns, dtype);
    let size = (plain.iter().map(|x| x * x).sum::<f32>() / plain.len() as f32).sqrt();
    // The smallest normal number of 16 bits bounds it.
    scale((0.08 / size).max(6.2e-5))
}

fn widen(bytes: Vec<u8>, rows: usize, columns: usize, dtype: Dtype) -> Vec<f32> {
    let matrix = Matrix::new(Bytes::from(bytes), dtype, rows, columns).expect("fits");
    let mut values = vec![0.0; rows * columns];
    for (row, out) in values.chunks_exact_mut(columns).enumerate() {
        matrix.widen_row(row, out);
    }
    values
}

/// A llama whose matrices are stored as `dtype`, or widened from it.
fn llama(dtype: Dtype, widened: bool) -> ModelSource {
    let number = |value: usize| json!({"type": "UINT32", "value": value});
    let real = |value: f64| json!({"type": "FLOAT32", "value": value});
    let metadata: Map<String, Value> = [
        (
            "general.architecture",
            json!({"type": "STRING", "value": "llama"}),
        ),
        ("llama.context_length", number(64)),
        ("llama.embedding_length", number(HIDDEN)),
        ("llama.block_count", number(LAYERS)),
        ("llama.feed_forward_length", number(HIDDEN)),
        ("llama.attention.head_count", number(8)),
        ("llama.attention.head_count_kv", number(8)),
        ("llama.attention.layer_norm_rms_epsilon", real(1e-5)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    let tokens = (0..VOCAB).map(|token| format!("<{token}>")).collect();
    let mut writer = GgufWriter::new(&metadata, tokens);
    let mut matrix = |name: &str, height: usize| {
        let bytes = rows(name, height, HIDDEN, dtype);
        if widened {
            let values = widen(bytes, height, HIDDEN, dtype);
            writer.tensor(name, &[height, HIDDEN], &values, Dtype::F32);
        } else {
            writer.bytes(name, &[height, HIDDEN], &bytes, dtype);
        }
    };
    matrix("token_embd.weight", VOCAB);
    let parts = [
        "attn_q",
        "attn_k",
        "attn_v",
        "attn_output",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
    ];
    for layer in 0..LAYERS {
        for part in parts {
            matrix(&format!("blk.{layer}.{part}.weight"), HIDDEN);
        }
    }
    let norms = (0..LAYERS).flat_map(|layer| {
        ["attn_norm", "ffn_norm"].map(|part| format!("blk.{layer}.{part}.weight"))
    });
    for norm in norms.chain(["output_norm.weight".to_owned()]) {
        writer.tensor(&norm, &[HIDDEN], &[1.0; HIDDEN], Dtype::F32);
    }
    ModelSource::Gguf(Gguf::from_bytes(writer.finish()).expect("is sound"))
}

#[test]
fn every_storage_type_gives_the_logits_of_its_widened_weights() {
    for dtype in Dtype::ALL {
        let name = dtype.as_str();
        let nmse = check(name, &llama(dtype, false), &llama(dtype, true));
        println!("{name}: NMSE {nmse:.1e} with rounded activations");
    }
}

/// Values of four bits, by the microscaling formats.
const FP4: [f32; 8] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];

#[test]
fn experts_in_four_bits_are_those_of_their_plain_values() {
    let tiny = Tiny::open("gpt-oss");
    let mut config: Value = serde_json::from_slice(&tiny.config("config.json")).expect("is JSON");
    config["intermediate_size"] = 96.into();
    config["quantization_config"] = json!({"quant_method": "mxfp4"});
    let (mut packed, mut plain) = (Vec::new(), Vec::new());
    for mut tensor in tiny.tensors(Dtype::F32) {
        let outputs = if tensor.name.contains("gate_up_proj") {
            192
        } else {
            96
        };
        if tensor.name.ends_with("gate_up_proj_bias") {
            let values: Vec<f32> = upper_bytes(&tensor.name, 5 * 192)
                .iter()
                .map(|u| f32::from(*u) / 256.0 - 0.5)
                .collect();
            tensor.bytes = encode(&values, Dtype::F32);
            tensor.shape = vec![5, 192];
        }
        let experts = tensor.name.contains("experts") && tensor.shape.len() == 3;
        if experts {
            packed.extend(pack(&tensor.name, outputs));
            tensor.bytes = encode(&unpack(&tensor.name, outputs), Dtype::F32);
            tensor.shape = vec![5, 96, outputs];
        } else {
            packed.push(StoredTensor {
                name: tensor.name.clone(),
                shape: tensor.shape.clone(),
                bytes: tensor.bytes.clone(),
                dtype: tensor.dtype,
            });
        }
        plain.push(tensor);
    }
    let source = |tensors: &[StoredTensor]| {
        let config = config.to_string();
        let files = Safetensors::from_bytes(config.as_bytes(), checkpoint(tensors));
        ModelSource::Safetensors(files.expect("is sound"))
    };
    check("gpt-oss, packed", &source(&packed), &source(&plain));
}

/// Codes and powers of two of five experts of `outputs` rows of 96 weights.
fn codes(name: &str, outputs: usize) -> (Vec<u8>, Vec<u8>) {
    let blocks = 5 * outputs * 3;
    let scales = upper_bytes(&format!("{name}_scales"), blocks);
    let scales = scales.into_iter().map(|u| 121 + u % 3).collect();
    (upper_bytes(name, blocks * 16), scales)
}

fn pack(name: &str, outputs: usize) -> [StoredTensor; 2] {
    let (codes, scales) = codes(name, outputs);
    let tensor = |part: &str, shape: &[usize], bytes| StoredTensor {
        name: format!("{name}_{part}"),
        shape: shape.to_vec(),
        dtype: "U8",
        bytes,
    };
    [
        tensor("blocks", &[5, outputs, 3, 16], codes),
        tensor("scales", &[5, outputs, 3], scales),
    ]
}

/// The same as plain values, `[experts, inputs, outputs]`.
fn unpack(name: &str, outputs: usize) -> Vec<f32> {
    let (codes, scales) = codes(name, outputs);
    let value = |expert: usize, input: usize, output: usize| {
        let at = (expert * outputs + output) * 96 + input;
        let code = usize::from(codes[at / 2] >> (at % 2 * 4) & 15);
        let power = (f32::from(scales[at / 32]) - 127.0).exp2();
        let magnitude = FP4[code & 7] * power;
        if code < 8 { magnitude } else { -magnitude }
    };
    let inputs = (0..5).flat_map(|expert| (0..96).map(move |input| (expert, input)));
    inputs
        .flat_map(|(expert, input)| (0..outputs).map(move |output| value(expert, input, output)))
        .collect()
}
