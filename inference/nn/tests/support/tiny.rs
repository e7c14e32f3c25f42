//! Tiny models whose weights come from names, as `recipes/weights.py` makes them.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::path::PathBuf;

use inference_kernels::Dtype;
use inference_nn::{Gguf, ModelSource, Safetensors};
use serde_json::Value;

#[path = "writer.rs"]
pub(crate) mod writer;

use writer::{GgufWriter, StoredTensor, encode};

/// A tiny model of the folder `models`.
pub(crate) struct Tiny {
    pub(crate) name: String,
    json: Value,
}

/// The names of all tiny models, in order.
pub(crate) fn all() -> Vec<String> {
    let entries = std::fs::read_dir(models()).expect("is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("can be read").file_name())
        .map(|name| name.into_string().expect("is text"))
        .collect();
    names.sort();
    names
}

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

impl Tiny {
    pub(crate) fn open(name: &str) -> Self {
        let name = name.to_owned();
        let text = std::fs::read_to_string(models().join(&name).join("model.json"));
        let json = serde_json::from_str(&text.expect("is there")).expect("is JSON");
        Self { name, json }
    }

    pub(crate) fn tokens(&self) -> Vec<u32> {
        let tokens = self.json["tokens"].as_array().expect("is an array").iter();
        tokens
            .map(|token| u32::try_from(token.as_u64().expect("is a number")).expect("fits"))
            .collect()
    }

    /// Reference logits, `[positions, vocabulary]`; `None` if there are none in `file`.
    pub(crate) fn logits(&self, file: &str) -> Option<Vec<f32>> {
        let bytes = std::fs::read(models().join(&self.name).join(file)).ok()?;
        let (values, _) = bytes.as_chunks::<4>();
        Some(
            values
                .iter()
                .map(|value| f32::from_le_bytes(*value))
                .collect(),
        )
    }

    /// The checkpoint with the settings in `config` and weights stored as `dtype`.
    pub(crate) fn checkpoint(&self, config: &str, dtype: Dtype) -> ModelSource {
        let (config, bytes) = self.checkpoint_bytes(config, dtype);
        ModelSource::Safetensors(Safetensors::from_bytes(&config, bytes).expect("is sound"))
    }

    /// The settings in `config`, and the file of weights.
    pub(crate) fn checkpoint_bytes(&self, config: &str, dtype: Dtype) -> (Vec<u8>, Vec<u8>) {
        let tensors = self.tensors(dtype);
        (self.config(config), writer::checkpoint(&tensors))
    }

    /// The settings in `config`.
    pub(crate) fn config(&self, config: &str) -> Vec<u8> {
        std::fs::read(models().join(&self.name).join(config)).expect("is there")
    }

    /// The checkpoint's tensors, stored as `dtype`.
    pub(crate) fn tensors(&self, dtype: Dtype) -> Vec<StoredTensor> {
        let stored = |(name, shape): (String, Vec<usize>)| StoredTensor {
            bytes: encode(&self.weights(&name, &shape), dtype),
            dtype: match dtype {
                Dtype::Bf16 => "BF16",
                Dtype::F16 => "F16",
                _ => "F32",
            },
            name,
            shape,
        };
        self.shapes().into_iter().map(stored).collect()
    }

    fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let tensors = self.json["tensors"]
            .as_object()
            .expect("is an object")
            .iter();
        tensors
            .map(|(name, shape)| (name.clone(), dims(shape)))
            .collect()
    }

    /// The GGUF that llama.cpp's converter makes, with matrices stored as `dtype`; `None` if it makes none.
    ///
    /// # Panics
    /// If the weights are not those the converter was seen to write.
    pub(crate) fn gguf(&self, dtype: Dtype) -> Option<ModelSource> {
        let gguf = Gguf::from_bytes(self.gguf_bytes(dtype)?);
        Some(ModelSource::Gguf(gguf.expect("is sound")))
    }

    /// As [`gguf`](Self::gguf), the file itself.
    pub(crate) fn gguf_bytes(&self, dtype: Dtype) -> Option<Vec<u8>> {
        let described = self.json["gguf"].as_object()?;
        let tokens = (0..331).map(|token| format!("<{token}>")).collect();
        let mut writer = GgufWriter::new(described["metadata"].as_object()?, tokens);
        for tensor in described["tensors"].as_array()? {
            let name = tensor["name"].as_str()?;
            let shape = dims(&tensor["shape"]);
            let values = self.converted(tensor);
            let hash = format!("{:016x}", hash(&encode(&values, Dtype::F32)));
            assert_eq!(tensor["hash"], hash, "{}: {name}", self.name);
            let columns = shape.last().copied().unwrap_or(0);
            let whole = columns.is_multiple_of(dtype.block_weights());
            let plain = shape.len() == 1 || name.ends_with("bias") || !whole;
            writer.tensor(
                name,
                &shape,
                &values,
                if plain { Dtype::F32 } else { dtype },
            );
        }
        Some(writer.finish())
    }

    /// A tensor as the converter makes it out of the checkpoint's.
    fn converted(&self, tensor: &Value) -> Vec<f32> {
        if let Some(values) = tensor["values"].as_array() {
            #[allow(clippy::cast_possible_truncation, reason = "they were 32-bit values")]
            return values
                .iter()
                .filter_map(Value::as_f64)
                .map(|value| value as f32)
                .collect();
        }
        if let Some(parts) = tensor["stack"].as_array() {
            let parts = parts.iter().filter_map(Value::as_str);
            return parts.flat_map(|part| self.named(part).0).collect();
        }
        for how in ["copy", "plus_one", "permute", "turn", "rows"] {
            let Some(source) = tensor[how].as_str() else {
                continue;
            };
            let (values, shape) = self.named(source);
            return match how {
                "plus_one" => values.iter().map(|value| value + 1.0).collect(),
                "permute" => permute(&values, shape[0], number(&tensor["heads"])),
                "turn" => turn(&values, &shape, tensor["first"].as_u64()),
                "rows" => every_second(&values, shape[0], number(&tensor["first"])),
                _ => values,
            };
        }
        unreachable!("the recipe writes nothing else: {tensor}")
    }

    fn named(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let shape = dims(&self.json["tensors"][name]);
        (self.weights(name, &shape), shape)
    }

    /// The checkpoint's weights, as `weights.py` has them.
    fn weights(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        let gemma = self.json["gemma"] == true;
        let count = shape.iter().product();
        let bytes = upper_bytes(name, count).into_iter();
        if name.contains("norm") {
            return bytes
                .map(|u| {
                    if gemma {
                        (f32::from(u) - 128.0) / 256.0
                    } else {
                        f32::from(64 + (u >> 1)) / 128.0
                    }
                })
                .collect();
        }
        let scale = if name.ends_with("bias") || name.ends_with("sinks") {
            0.5
        } else if name.contains("embed") {
            if gemma { 0.25 } else { 1.0 }
        } else {
            let inputs = if shape.len() == 2 {
                shape[1]
            } else {
                shape[shape.len() - 2]
            };
            (3.0 / (inputs as f32).sqrt())
                .log2()
                .round_ties_even()
                .exp2()
        };
        bytes
            .map(|u| (f32::from(u) - 128.0) / 128.0 * scale)
            .collect()
    }
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("is a number")).expect("fits")
}

fn dims(shape: &Value) -> Vec<usize> {
    shape
        .as_array()
        .expect("is an array")
        .iter()
        .map(number)
        .collect()
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
    })
}

/// The upper bytes of splitmix64's numbers, which begin at the hash of `name`.
pub(crate) fn upper_bytes(name: &str, count: usize) -> Vec<u8> {
    let mut state = hash(name.as_bytes());
    let next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)).to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Halves of each head to neighboring pairs, row by row.
fn permute(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    let (width, columns) = (rows / heads, values.len() / rows);
    let row = |row: usize| {
        let (head, within) = (row / width, row % width);
        let from = head * width + within % 2 * (width / 2) + within / 2;
        &values[from * columns..][..columns]
    };
    (0..rows).flat_map(row).copied().collect()
}

/// `[experts, columns, rows]` to `[experts, rows, columns]`, of the rows every second from `first` on.
fn turn(values: &[f32], shape: &[usize], first: Option<u64>) -> Vec<f32> {
    let [_, columns, rows] = shape else {
        unreachable!("experts have three dimensions")
    };
    let first = first.map(|first| usize::try_from(first).expect("fits"));
    let (start, step) = first.map_or((0, 1), |first| (first, 2));
    let expert = |expert: &[f32]| -> Vec<f32> {
        let picked = (start..*rows).step_by(step);
        picked
            .flat_map(|row| (0..*columns).map(move |column| (row, column)))
            .map(|(row, column)| expert[column * rows + row])
            .collect()
    };
    values
        .chunks_exact(rows * columns)
        .flat_map(expert)
        .collect()
}

/// Of each of `rows` rows every second value from `first` on.
fn every_second(values: &[f32], rows: usize, first: usize) -> Vec<f32> {
    let rows = values.chunks_exact(values.len() / rows);
    rows.flat_map(|row| row.iter().skip(first).step_by(2))
        .copied()
        .collect()
}
