//! The encoder of BERT: every token sees every other.
//!
//! # Source
//! BERT (arXiv:1810.04805), with the names and shapes of transformers' `BertModel`.

use inference_kernels::elementwise::{add, add_scaled, dot, layer_norm, softmax};
use inference_kernels::{Dtype, Matrix, Scratch};
use inference_nn::{ModelError, Safetensors};
use serde_json::Value;

/// Most layers and widest row; the largest BERTs have 24 and 1024.
const LAYERS_MAX: usize = 128;
const WIDTH_MAX: usize = 1 << 14;

/// The encoder of BERT.
#[derive(Debug)]
pub(crate) struct Bert {
    /// `[vocab_size, width]`
    words: Matrix,
    /// `[positions, width]`
    places: Matrix,
    /// `[width]`, that of the first sentence
    kind: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    norm: Norm,
}

/// `weight` is `[rows, columns]`, `bias` `[rows]`.
#[derive(Debug)]
struct Linear {
    weight: Matrix,
    bias: Vec<f32>,
}

/// Both are `[width]`.
#[derive(Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl Bert {
    /// The encoder of the model `weights`.
    pub(crate) fn try_new(weights: &Safetensors) -> Result<Self, ModelError> {
        let reader = Reader::try_new(weights)?;
        let width = reader.width;
        let words = reader.matrix("embeddings.word_embeddings.weight", None, width)?;
        let kinds = reader.matrix("embeddings.token_type_embeddings.weight", None, width)?;
        let mut kind = vec![0.0; width];
        kinds.widen_row(0, &mut kind);
        Ok(Self {
            words,
            places: reader.matrix("embeddings.position_embeddings.weight", None, width)?,
            kind,
            norm: reader.norm("embeddings.LayerNorm")?,
            layers: (0..reader.layers)
                .map(|number| reader.layer(number))
                .collect::<Result<_, _>>()?,
            heads: reader.heads,
        })
    }

    /// Floats of a row.
    pub(crate) fn width(&self) -> usize {
        self.words.columns()
    }

    /// Tokens of the window.
    pub(crate) fn positions(&self) -> usize {
        self.places.rows()
    }

    /// A row `[width]` for each of `tokens`, of which there is at least one and not more than positions.
    pub(crate) fn forward(&self, tokens: &[u32]) -> Result<Vec<f32>, String> {
        let width = self.width();
        if tokens.is_empty() || tokens.len() > self.positions() {
            return Err(format!(
                "{} tokens do not fit {} positions",
                tokens.len(),
                self.positions()
            ));
        }
        let mut summed = vec![0.0; tokens.len() * width];
        let mut place = vec![0.0; width];
        for (position, (&token, row)) in tokens
            .iter()
            .zip(summed.chunks_exact_mut(width))
            .enumerate()
        {
            let token = token as usize;
            if token >= self.words.rows() {
                return Err(format!(
                    "the token {token} is not among {}",
                    self.words.rows()
                ));
            }
            self.words.widen_row(token, row);
            self.places.widen_row(position, &mut place);
            add(row, &place);
            add(row, &self.kind);
        }
        let mut rows = self.norm.apply(&summed);
        let mut scratch = Scratch::default();
        for layer in &self.layers {
            rows = layer.forward(&rows, self.heads, &mut scratch);
        }
        Ok(rows)
    }
}

impl Layer {
    fn forward(&self, rows: &[f32], heads: usize, scratch: &mut Scratch) -> Vec<f32> {
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|linear| linear.apply(rows, scratch));
        let seen = attend(&query, &key, &value, self.query.weight.rows(), heads);
        let mut attended = self.output.apply(&seen, scratch);
        add(&mut attended, rows);
        let attended = self.attention_norm.apply(&attended);
        let mut inner = self.up.apply(&attended, scratch);
        for x in &mut inner {
            *x = gelu(*x);
        }
        let mut out = self.down.apply(&inner, scratch);
        add(&mut out, &attended);
        self.norm.apply(&out)
    }
}

impl Linear {
    fn apply(&self, rows: &[f32], scratch: &mut Scratch) -> Vec<f32> {
        let tokens = rows.len() / self.weight.columns();
        let mut out = vec![0.0; tokens * self.weight.rows()];
        self.weight.multiply(rows, &mut out, scratch);
        for row in out.chunks_exact_mut(self.weight.rows()) {
            add(row, &self.bias);
        }
        out
    }
}

impl Norm {
    fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; rows.len()];
        layer_norm(rows, &self.weight, Some(&self.bias), self.eps, &mut out);
        out
    }
}

/// What each token sees of all, head by head; all are `[tokens, width]`.
fn attend(query: &[f32], key: &[f32], value: &[f32], width: usize, heads: usize) -> Vec<f32> {
    let tokens = query.len() / width;
    let size = width / heads;
    let scale = 1.0 / (size as f32).sqrt();
    let mut out = vec![0.0; query.len()];
    let mut scores = vec![0.0; tokens];
    for token in 0..tokens {
        for head in 0..heads {
            let of = |token: usize| token * width + head * size..token * width + (head + 1) * size;
            let own = &query[of(token)];
            for (other, score) in scores.iter_mut().enumerate() {
                *score = dot(own, &key[of(other)]) * scale;
            }
            softmax(&mut scores, None);
            let seen = &mut out[of(token)];
            for (other, score) in scores.iter().enumerate() {
                add_scaled(seen, *score, &value[of(other)]);
            }
        }
    }
    out
}

/// `x` times the share of the normal distribution below `x`.
fn gelu(x: f32) -> f32 {
    x * 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function, to 1.5e-7.
///
/// # Source
/// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
fn erf(x: f32) -> f32 {
    let x64 = f64::from(x.abs());
    let t = 1.0 / (1.0 + 0.327_591_1 * x64);
    let sum = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    #[allow(clippy::cast_possible_truncation, reason = "rows are of 32-bit reals")]
    let erf = (1.0 - sum * (-x64 * x64).exp()) as f32;
    erf.copysign(x)
}

/// Finds the tensors of a model and checks their shapes.
struct Reader<'a> {
    weights: &'a Safetensors,
    /// `bert.` where the encoder is part of a larger model.
    prefix: &'static str,
    width: usize,
    inner: usize,
    heads: usize,
    layers: usize,
    eps: f32,
}

impl<'a> Reader<'a> {
    fn try_new(weights: &'a Safetensors) -> Result<Self, ModelError> {
        let config = weights.config();
        let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
        let refuse = |what: String| Err(ModelError::Unsupported(what));
        if text("model_type") != "bert" {
            return refuse(format!(
                "embedding models of the type `{}` are not supported; supported is bert",
                text("model_type")
            ));
        }
        if text("hidden_act") != "gelu" {
            return refuse(format!(
                "the activation `{}` is not supported; supported is gelu",
                text("hidden_act")
            ));
        }
        if !matches!(text("position_embedding_type"), "" | "absolute") {
            return refuse("relative positions are not supported in embedding models".to_owned());
        }
        let number = |key: &str, most: usize| {
            let number = config
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|number| usize::try_from(number).ok());
            number
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| ModelError::BadKey {
                    key: key.to_owned(),
                    expected: format!("a whole number of 1 to {most}"),
                })
        };
        let reader = Self {
            weights,
            prefix: if weights
                .tensor("bert.embeddings.word_embeddings.weight")
                .is_some()
            {
                "bert."
            } else {
                ""
            },
            width: number("hidden_size", WIDTH_MAX)?,
            inner: number("intermediate_size", 8 * WIDTH_MAX)?,
            heads: number("num_attention_heads", WIDTH_MAX)?,
            layers: number("num_hidden_layers", LAYERS_MAX)?,
            eps: config
                .get("layer_norm_eps")
                .and_then(Value::as_f64)
                .map_or(1e-12, narrow),
        };
        if !reader.width.is_multiple_of(reader.heads) {
            return refuse(format!(
                "{} floats cannot be split among {} heads",
                reader.width, reader.heads
            ));
        }
        Ok(reader)
    }

    fn layer(&self, number: usize) -> Result<Layer, ModelError> {
        let linear = |name: &str, rows, columns| {
            self.linear(&format!("encoder.layer.{number}.{name}"), rows, columns)
        };
        let norm = |name: &str| self.norm(&format!("encoder.layer.{number}.{name}"));
        let (width, inner) = (self.width, self.inner);
        Ok(Layer {
            query: linear("attention.self.query", width, width)?,
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            output: linear("attention.output.dense", width, width)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            up: linear("intermediate.dense", inner, width)?,
            down: linear("output.dense", width, inner)?,
            norm: norm("output.LayerNorm")?,
        })
    }

    fn linear(&self, name: &str, rows: usize, columns: usize) -> Result<Linear, ModelError> {
        Ok(Linear {
            weight: self.matrix(&format!("{name}.weight"), Some(rows), columns)?,
            bias: self.vector(&format!("{name}.bias"), rows)?,
        })
    }

    fn norm(&self, name: &str) -> Result<Norm, ModelError> {
        Ok(Norm {
            weight: self.vector(&format!("{name}.weight"), self.width)?,
            bias: self.vector(&format!("{name}.bias"), self.width)?,
            eps: self.eps,
        })
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let matrix = self.stored(name, &[length])?;
        let mut vector = vec![0.0; length];
        matrix.widen_row(0, &mut vector);
        Ok(vector)
    }

    /// A matrix of `rows`, or of any number of them, and `columns`.
    fn matrix(
        &self,
        name: &str,
        rows: Option<usize>,
        columns: usize,
    ) -> Result<Matrix, ModelError> {
        let found = self
            .weights
            .tensor(&self.name(name))
            .and_then(|tensor| tensor.shape.first().copied());
        self.stored(name, &[rows.or(found).unwrap_or_default(), columns])
    }

    fn stored(&self, name: &str, expected: &[usize]) -> Result<Matrix, ModelError> {
        let name = self.name(name);
        let tensor = self
            .weights
            .tensor(&name)
            .ok_or_else(|| ModelError::MissingTensor(name.clone()))?;
        let dtype = tensor
            .dtype
            .filter(|dtype| matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::Bf16));
        let dtype = dtype.ok_or_else(|| {
            ModelError::Unsupported(format!("the tensor `{name}` is not of F32, F16 or BF16"))
        })?;
        if tensor.shape != expected || tensor.shape.contains(&0) {
            return Err(ModelError::Shape {
                name,
                found: tensor.shape.clone(),
                expected: expected.to_vec(),
            });
        }
        let columns = expected.last().copied().unwrap_or_default();
        let rows = expected.iter().product::<usize>() / columns;
        Ok(Matrix::new(tensor.bytes()?, dtype, rows, columns)?)
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a small positive number")]
fn narrow(real: f64) -> f32 {
    real as f32
}
