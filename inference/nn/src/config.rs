//! What a decoder of any supported family is made of.
//!
//! Every family is the same decoder with other settings; `architectures` fills
//! them in from a file's metadata. Names are those of checkpoints where they have one.
//!
//! Invariant: a [`DecoderConfig`] that passed [`DecoderConfig::check`] has shapes that fit each other.

use crate::error::ModelError;
use crate::layers::RopeConfig;

/// What a decoder of any supported family is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DecoderConfig {
    /// The name in the file, like `qwen3`.
    pub(crate) architecture: String,
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) norm: NormConfig,
    pub(crate) qk_norm: QkNorm,
    pub(crate) activation: Activation,
    pub(crate) attention: AttentionConfig,
    /// Embeddings are multiplied by this.
    pub(crate) embedding_multiplier: f32,
    /// What a layer adds to the residual stream is multiplied by this.
    pub(crate) residual_multiplier: f32,
    /// Logits are multiplied by this.
    pub(crate) logits_multiplier: f32,
    /// Logits are bent to stay within plus and minus this.
    pub(crate) final_logit_softcapping: Option<f32>,
    /// Whether the head is the embedding; `None` where the presence of a head's tensor says it.
    pub(crate) tie_word_embeddings: Option<bool>,
    pub(crate) pairs: Pairs,
    /// The rotations that layers choose from.
    pub(crate) ropes: Vec<RopeConfig>,
    pub(crate) layers: Vec<LayerConfig>,
    pub(crate) experts: Option<ExpertsConfig>,
    /// Whether query, key and value, and gate and up, are stored one below the other (Phi-3).
    pub(crate) fused: bool,
    /// Whether tensors have the names and the layout of gpt-oss.
    pub(crate) gpt_oss: bool,
}

/// What sets a layer apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayerConfig {
    /// Which of the ropes turns queries and keys; none does in a layer without positions.
    pub(crate) rope: Option<usize>,
    /// How many positions a token sees, itself among them; all where none is given.
    pub(crate) sliding_window: Option<usize>,
    /// Whether the feed-forward part is a mixture of experts.
    pub(crate) experts: bool,
}

/// Normalization of the residual stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NormConfig {
    /// Added to the mean square.
    pub(crate) eps: f32,
    /// Added to the stored weights: Gemma's checkpoints store what is above one.
    pub(crate) offset: f32,
    pub(crate) placement: NormPlacement,
}

/// Where a layer normalizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormPlacement {
    /// What goes into attention and feed-forward.
    Pre,
    /// What comes out of them (OLMo 2).
    Post,
    /// Both (Gemma 2 and 3).
    Sandwich,
}

impl NormPlacement {
    pub(crate) fn before(self) -> bool {
        self != Self::Post
    }

    pub(crate) fn after(self) -> bool {
        self != Self::Pre
    }
}

/// Normalization of queries and keys before they are turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QkNorm {
    None,
    /// Each head by itself, weights of one head.
    Head,
    /// All heads together.
    Full,
}

/// The gate of the feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    Silu,
    GeluTanh,
    /// gpt-oss: `min(g, limit)` gates `clamp(u, ±limit) + 1` by a sigmoid of slope 1.702.
    ClampedSwiglu {
        limit: f32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AttentionConfig {
    /// Products of queries and keys are multiplied by this.
    pub(crate) scale: f32,
    /// Scores are bent to stay within plus and minus this.
    pub(crate) softcap: Option<f32>,
    /// Whether each head has one more score whose weight goes nowhere.
    pub(crate) sinks: bool,
}

/// Which values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// `x[i]` and `x[i + d / 2]`.
    Halves,
    /// `x[2 i]` and `x[2 i + 1]`; GGUF's llamas have their rows permuted so.
    Neighbors,
}

/// A mixture of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpertsConfig {
    pub(crate) num_experts: usize,
    pub(crate) num_experts_per_tok: usize,
    pub(crate) moe_intermediate_size: usize,
    pub(crate) routing: Routing,
}

/// How experts are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// Softmax over all, then the best; made to sum to one again where `renormalize`.
    SoftmaxThenBest { renormalize: bool },
    /// The best, then softmax over these.
    BestThenSoftmax,
}

impl DecoderConfig {
    /// Values of all query heads.
    pub(crate) fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    /// Values of all key heads.
    pub(crate) fn key_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    /// Judges whether the shapes fit each other.
    pub(crate) fn check(self) -> Result<Self, ModelError> {
        let unsupported = |what: String| Err(ModelError::Unsupported(what));
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        if !heads.is_multiple_of(kv_heads) {
            return unsupported(format!(
                "{heads} query heads cannot share {kv_heads} key and value heads evenly"
            ));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return unsupported(format!(
                "heads of {} values cannot be turned in pairs",
                self.head_dim
            ));
        }
        for rope in &self.ropes {
            rope.check(self.head_dim)?;
        }
        if let Some(experts) = self.experts
            && experts.num_experts_per_tok > experts.num_experts
        {
            return unsupported(format!(
                "{} of {} experts cannot be chosen",
                experts.num_experts_per_tok, experts.num_experts
            ));
        }
        Ok(self)
    }
}
