//! Writes GGUF and safetensors files, and the storage types that need no search for scales.

#![allow(dead_code, reason = "each test uses what it needs")]

use inference_kernels::Dtype;
use serde_json::{Map, Value};

/// A GGUF file being written.
pub(crate) struct GgufWriter {
    keys: u64,
    metadata: Vec<u8>,
    tensors: u64,
    infos: Vec<u8>,
    data: Vec<u8>,
}

impl GgufWriter {
    /// A file with `metadata`, each `{"type": …, "value": …}`, and a vocabulary.
    pub(crate) fn new(metadata: &Map<String, Value>, tokens: Vec<String>) -> Self {
        let mut writer = Self {
            keys: metadata.len() as u64 + 1,
            metadata: Vec::new(),
            tensors: 0,
            infos: Vec::new(),
            data: Vec::new(),
        };
        for (key, entry) in metadata {
            text(&mut writer.metadata, key);
            writer.value(&entry["type"], &entry["value"]);
        }
        text(&mut writer.metadata, "tokenizer.ggml.tokens");
        for number in [9_u32, 8] {
            writer.metadata.extend(number.to_le_bytes());
        }
        writer.metadata.extend((tokens.len() as u64).to_le_bytes());
        for token in tokens {
            text(&mut writer.metadata, &token);
        }
        writer
    }

    #[allow(clippy::cast_possible_truncation, reason = "they were 32-bit values")]
    fn value(&mut self, kind: &Value, value: &Value) {
        let out = &mut self.metadata;
        match kind.as_str().expect("is no array") {
            "UINT32" => {
                out.extend(4_u32.to_le_bytes());
                out.extend((value.as_u64().expect("is whole") as u32).to_le_bytes());
            }
            "FLOAT32" => {
                out.extend(6_u32.to_le_bytes());
                out.extend((value.as_f64().expect("is real") as f32).to_le_bytes());
            }
            "BOOL" => {
                out.extend(7_u32.to_le_bytes());
                out.push(u8::from(value.as_bool().expect("is a truth value")));
            }
            "STRING" => {
                out.extend(8_u32.to_le_bytes());
                text(out, value.as_str().expect("is text"));
            }
            other => unreachable!("the recipe writes no {other}"),
        }
    }

    /// Adds a tensor of `shape`, outermost dimension first.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize], values: &[f32], dtype: Dtype) {
        self.bytes(name, shape, &encode(values, dtype), dtype);
    }

    /// Adds a tensor that is stored already.
    pub(crate) fn bytes(&mut self, name: &str, shape: &[usize], bytes: &[u8], dtype: Dtype) {
        self.tensors += 1;
        text(&mut self.infos, name);
        self.infos
            .extend(u32::try_from(shape.len()).expect("few").to_le_bytes());
        for dim in shape.iter().rev() {
            self.infos.extend((*dim as u64).to_le_bytes());
        }
        self.infos.extend(dtype.gguf_number().to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(bytes);
        self.data.resize(self.data.len().next_multiple_of(32), 0);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(self.tensors.to_le_bytes());
        file.extend(self.keys.to_le_bytes());
        file.extend(self.metadata);
        file.extend(self.infos);
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(self.data);
        file
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A tensor of a safetensors file.
pub(crate) struct StoredTensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// A safetensors file of `tensors`.
pub(crate) fn checkpoint(tensors: &[StoredTensor]) -> Vec<u8> {
    let (mut header, mut data): (_, Vec<u8>) = (Map::new(), Vec::new());
    for tensor in tensors {
        let start = data.len();
        data.extend(&tensor.bytes);
        let entry = serde_json::json!({
            "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, data.len()],
        });
        header.insert(tensor.name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Stores `values` as `dtype`: a plain one, or `Q8_0`.
pub(crate) fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    let bytes = |value: &f32| match dtype {
        Dtype::F32 => value.to_le_bytes().to_vec(),
        Dtype::F16 => half(*value).to_le_bytes().to_vec(),
        Dtype::Bf16 => value.to_be_bytes()[..2].iter().rev().copied().collect(),
        other => unreachable!("no writer for {other:?}"),
    };
    if dtype != Dtype::Q8_0 {
        return values.iter().flat_map(bytes).collect();
    }
    let block = |block: &[f32]| {
        let most = block
            .iter()
            .fold(0.0, |most: f32, value| most.max(value.abs()));
        // A power of two is exact in 16 bits.
        let scale = (most / 127.0).max(1e-4).log2().ceil().exp2();
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the scale keeps codes small"
        )]
        let codes = block.iter().map(move |value| (value / scale).round() as i8);
        let codes = codes.map(i8::cast_unsigned);
        half(scale)
            .to_le_bytes()
            .into_iter()
            .chain(codes)
            .collect::<Vec<u8>>()
    };
    values.chunks(32).flat_map(block).collect()
}

/// The 16-bit real nearest below in magnitude; exact for what has few bits.
pub(crate) fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xFF).saturating_sub(112);
    let sign = bits >> 16 & 0x8000;
    let magnitude = if exponent == 0 {
        0
    } else {
        exponent << 10 | bits >> 13 & 0x3FF
    };
    u16::try_from(sign | magnitude).unwrap_or(u16::MAX)
}
