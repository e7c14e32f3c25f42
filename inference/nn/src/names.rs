//! What tensors are called in GGUF and in checkpoints of transformers.

use crate::config::NormPlacement;

/// Which names a model's tensors have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) gguf: bool,
    pub(crate) placement: NormPlacement,
    /// gpt-oss has names of its own for some parts.
    pub(crate) gpt_oss: bool,
}

/// A part of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    AttentionNorm,
    AttentionPostNorm,
    FeedForwardNorm,
    FeedForwardPostNorm,
    Query,
    Key,
    Value,
    /// Query, key and value, one below the other.
    QueryKeyValue,
    Output,
    QueryNorm,
    KeyNorm,
    Sinks,
    Gate,
    Up,
    Down,
    /// Gate and up, one below the other.
    GateUp,
    Router,
    /// Of all experts.
    ExpertGate,
    ExpertUp,
    ExpertDown,
}

impl Names {
    pub(crate) fn embedding(self) -> &'static str {
        if self.gguf {
            "token_embd.weight"
        } else {
            "model.embed_tokens.weight"
        }
    }

    pub(crate) fn norm(self) -> &'static str {
        if self.gguf {
            "output_norm.weight"
        } else {
            "model.norm.weight"
        }
    }

    pub(crate) fn head(self) -> &'static str {
        if self.gguf {
            "output.weight"
        } else {
            "lm_head.weight"
        }
    }

    /// The name of `part` in layer `layer`, without `.weight` or `.bias`.
    pub(crate) fn layer(self, layer: usize, part: Part) -> String {
        if self.gguf {
            format!("blk.{layer}.{}", self.in_gguf(part))
        } else {
            format!("model.layers.{layer}.{}", self.in_checkpoint(part))
        }
    }

    fn in_gguf(self, part: Part) -> &'static str {
        match part {
            Part::AttentionNorm => "attn_norm",
            Part::AttentionPostNorm => "post_attention_norm",
            Part::FeedForwardNorm if self.gpt_oss => "post_attention_norm",
            Part::FeedForwardNorm => "ffn_norm",
            Part::FeedForwardPostNorm => "post_ffw_norm",
            Part::Query => "attn_q",
            Part::Key => "attn_k",
            Part::Value => "attn_v",
            Part::QueryKeyValue => "attn_qkv",
            Part::Output => "attn_output",
            Part::QueryNorm => "attn_q_norm",
            Part::KeyNorm => "attn_k_norm",
            Part::Sinks => "attn_sinks",
            Part::Gate => "ffn_gate",
            Part::Up | Part::GateUp => "ffn_up",
            Part::Down => "ffn_down",
            Part::Router => "ffn_gate_inp",
            Part::ExpertGate => "ffn_gate_exps",
            Part::ExpertUp => "ffn_up_exps",
            Part::ExpertDown => "ffn_down_exps",
        }
    }

    fn in_checkpoint(self, part: Part) -> &'static str {
        match part {
            Part::AttentionNorm => "input_layernorm",
            Part::AttentionPostNorm => "post_attention_layernorm",
            Part::FeedForwardNorm if self.placement == NormPlacement::Pre => {
                "post_attention_layernorm"
            }
            Part::FeedForwardNorm => "pre_feedforward_layernorm",
            Part::FeedForwardPostNorm => "post_feedforward_layernorm",
            Part::Query => "self_attn.q_proj",
            Part::Key => "self_attn.k_proj",
            Part::Value => "self_attn.v_proj",
            Part::QueryKeyValue => "self_attn.qkv_proj",
            Part::Output => "self_attn.o_proj",
            Part::QueryNorm => "self_attn.q_norm",
            Part::KeyNorm => "self_attn.k_norm",
            Part::Sinks => "self_attn.sinks",
            Part::Gate | Part::ExpertGate => "mlp.gate_proj",
            Part::Up | Part::ExpertUp => "mlp.up_proj",
            Part::Down | Part::ExpertDown => "mlp.down_proj",
            Part::GateUp => "mlp.gate_up_proj",
            Part::Router if self.gpt_oss => "mlp.router",
            Part::Router => "mlp.gate",
        }
    }

    /// The name of `part` of expert `expert` in layer `layer` of a checkpoint, where each is stored by itself.
    pub(crate) fn expert(layer: usize, expert: usize, part: Part) -> String {
        let part = match part {
            Part::ExpertGate => "gate_proj",
            Part::ExpertUp => "up_proj",
            _ => "down_proj",
        };
        format!("model.layers.{layer}.mlp.experts.{expert}.{part}")
    }
}
