//! Files of weights: GGUF and checkpoints, from the first byte to a forward pass.

use inference_nn::{
    BlockId, DecoderOptions, Gguf, Logits, MemoryPlan, ModelSource, Safetensors, Segment, load,
};
use serde_json::{Map, json};

use crate::Target;

/// A GGUF file.
pub(crate) const GGUF: Target = Target {
    name: "gguf",
    run: |data| {
        if let Ok(file) = Gguf::from_bytes(data.to_vec()) {
            run(&ModelSource::Gguf(file));
        }
    },
    samples: || vec![gguf()],
    words: &[
        "general.architecture",
        "llama.rope.scaling.type",
        "split.count",
        "rope_freqs.weight",
        "yarn",
        "output.weight",
        "qwen2",
        "gemma3",
    ],
};

/// `config.json`, a zero byte, and a file of weights.
pub(crate) const CHECKPOINT: Target = Target {
    name: "checkpoint",
    run: |data| {
        let end = data
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(data.len());
        let weights = data.get(end + 1..).unwrap_or_default();
        if let Ok(files) = Safetensors::from_bytes(&data[..end], weights.to_vec()) {
            run(&ModelSource::Safetensors(files));
        }
    },
    samples: || vec![checkpoint()],
    words: &[
        "\"text_config\":{",
        "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0}",
        "\"sliding_window\":",
        "\"layer_types\":[\"sliding_attention\"]",
        "\"head_dim\":",
        "gemma3_text",
        "qwen3",
        "\"dtype\":\"U8\"",
        "\"data_offsets\":[0,",
        "null",
    ],
};

/// Keys and values of a few windows of a tiny model; a hostile header cannot claim more.
fn options() -> DecoderOptions {
    DecoderOptions {
        context_length_max: 64,
        kv_bytes_max: 4 << 20,
        ..DecoderOptions::default()
    }
}

fn run(source: &ModelSource) {
    if MemoryPlan::new(source, options()).is_err() {
        return;
    }
    if let Ok(mut decoder) = load(source, options()) {
        let segment = Segment {
            tokens: &[1, 2, 3],
            position: 0,
            blocks: &[BlockId(0)],
            logits: Logits::All,
        };
        // Whatever it says, it says it.
        let _ = decoder.forward(&[segment]);
    }
}

/// Width of everything in the samples.
const WIDTH: usize = 32;
/// Names of a tiny Llama's tensors in a checkpoint and in GGUF, and their dimensions, outermost first.
const TENSORS: [(&str, &str, &[usize]); 11] = [
    ("model.embed_tokens", "token_embd", &[WIDTH, WIDTH]),
    ("model.norm", "output_norm", &[WIDTH]),
    (
        "model.layers.0.input_layernorm",
        "blk.0.attn_norm",
        &[WIDTH],
    ),
    (
        "model.layers.0.post_attention_layernorm",
        "blk.0.ffn_norm",
        &[WIDTH],
    ),
    (
        "model.layers.0.self_attn.q_proj",
        "blk.0.attn_q",
        &[WIDTH, WIDTH],
    ),
    (
        "model.layers.0.self_attn.k_proj",
        "blk.0.attn_k",
        &[WIDTH, WIDTH],
    ),
    (
        "model.layers.0.self_attn.v_proj",
        "blk.0.attn_v",
        &[WIDTH, WIDTH],
    ),
    (
        "model.layers.0.self_attn.o_proj",
        "blk.0.attn_output",
        &[WIDTH, WIDTH],
    ),
    (
        "model.layers.0.mlp.gate_proj",
        "blk.0.ffn_gate",
        &[WIDTH, WIDTH],
    ),
    (
        "model.layers.0.mlp.up_proj",
        "blk.0.ffn_up",
        &[WIDTH, WIDTH],
    ),
    (
        "model.layers.0.mlp.down_proj",
        "blk.0.ffn_down",
        &[WIDTH, WIDTH],
    ),
];

fn checkpoint() -> Vec<u8> {
    let config = json!({
        "model_type": "llama", "vocab_size": WIDTH, "hidden_size": WIDTH, "intermediate_size": WIDTH,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true, "hidden_act": "silu",
    });
    let mut header = Map::new();
    let mut end = 0;
    for (name, _, shape) in TENSORS {
        let start = end;
        end += shape.iter().product::<usize>() * 2;
        let entry = json!({ "dtype": "F16", "shape": shape, "data_offsets": [start, end] });
        header.insert(format!("{name}.weight"), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = config.to_string().into_bytes();
    file.push(0);
    file.extend((header.len() as u64).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(halves(end / 2));
    file
}

/// Small numbers of 16 bits.
fn halves(count: usize) -> impl Iterator<Item = u8> {
    (0..count).flat_map(|at| [at.to_le_bytes()[0], 0x2c])
}

fn gguf() -> Vec<u8> {
    let mut keys = Bytes::default();
    keys.text("general.architecture").u32(8).text("llama");
    for (key, number) in [
        ("block_count", 1),
        ("context_length", 64),
        ("embedding_length", 32),
        ("feed_forward_length", 32),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 2),
    ] {
        keys.text(&format!("llama.{key}")).u32(4).u32(number);
    }
    keys.text("llama.attention.layer_norm_rms_epsilon")
        .u32(6)
        .u32(1e-5_f32.to_bits());
    keys.text("tokenizer.ggml.tokens")
        .u32(9)
        .u32(8)
        .u64(WIDTH as u64);
    for token in 0..WIDTH {
        keys.text(&format!("<{token}>"));
    }
    let mut infos = Bytes::default();
    let mut offset = 0;
    for (_, name, shape) in TENSORS {
        infos
            .text(&format!("{name}.weight"))
            .u32(if shape.len() == 2 { 2 } else { 1 });
        for dim in shape.iter().rev() {
            infos.u64(*dim as u64);
        }
        // 1 is F16.
        infos.u32(1).u64(offset);
        offset += shape.iter().product::<usize>() as u64 * 2;
    }
    let mut file = Bytes::default();
    file.0.extend(b"GGUF\x03\0\0\0");
    file.u64(TENSORS.len() as u64).u64(9);
    file.0.extend(keys.0);
    file.0.extend(infos.0);
    let data = file.0.len().next_multiple_of(32);
    file.0.resize(data, 0);
    file.0
        .extend(halves(usize::try_from(offset / 2).unwrap_or(0)));
    file.0
}

/// Bytes being written.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u32(&mut self, number: u32) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn u64(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.u64(text.len() as u64);
        self.0.extend(text.as_bytes());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_sound_models() {
        let gguf = ModelSource::Gguf(Gguf::from_bytes(gguf()).expect("is sound"));
        load(&gguf, options()).expect("is a model");
        let bytes = checkpoint();
        let end = bytes.iter().position(|&byte| byte == 0).expect("is there");
        let files = Safetensors::from_bytes(&bytes[..end], bytes[end + 1..].to_vec());
        load(
            &ModelSource::Safetensors(files.expect("is sound")),
            options(),
        )
        .expect("is a model");
    }
}
