"""Writes a trained decoder as a Q8_0 GGUF that any `llama` reader loads."""

import copy
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

from model import NORM_EPSILON, ROPE_BASE, Decoder

# Roles become the three special tokens; the system text is the first line.
CHAT_TEMPLATE = (
    "<|user|>{% for message in messages %}{{ message.content }}{% if not loop.last %}\n{% endif %}{% endfor %}<|answer|>"
)


def write(path: Path, model: Decoder, tokenizer: Tokenizer, special: list[str], quantized: bool = True) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    size = model.size
    head_dim = size.width // size.heads
    writer.add_name("anchorite-starter")
    writer.add_license("Apache-2.0")
    writer.add_context_length(model.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.inner)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(tokenizer.get_vocab_size())
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if quantized else gguf.LlamaFileType.ALL_F32)
    add_tokenizer(writer, tokenizer, special)
    for name, tensor in tensors(model):
        add_tensor(writer, name, tensor.detach().float().cpu().numpy(), quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, special: list[str]) -> None:
    import json

    described = json.loads(tokenizer.to_str())["model"]
    by_id = sorted(described["vocab"].items(), key=lambda item: item[1])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in described["merges"]]
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token, _ in by_id]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in by_id])
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def tensors(model: Decoder):
    """Tensors by their GGUF names; pairs are interleaved already."""
    yield "token_embd.weight", model.embedding.weight
    yield "output_norm.weight", model.norm.weight
    for index, block in enumerate(model.blocks):
        parts = {
            "attn_norm": block.attention_norm, "attn_q": block.query, "attn_k": block.key, "attn_v": block.value,
            "attn_output": block.output, "ffn_norm": block.ffn_norm, "ffn_gate": block.gate, "ffn_up": block.up, "ffn_down": block.down,
        }
        for name, part in parts.items():
            yield f"blk.{index}.{name}.weight", part.weight


def rounded(model: Decoder) -> Decoder:
    """The model as the quantized file holds it."""
    other = copy.deepcopy(model)
    kind = gguf.GGMLQuantizationType.Q8_0
    for parameter in other.parameters():
        if parameter.dim() == 2:
            values = parameter.detach().float().cpu().numpy()
            parameter.data = torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)).to(parameter)
    return other


def add_tensor(writer: gguf.GGUFWriter, name: str, values: np.ndarray, quantized: bool) -> None:
    if values.ndim == 1 or not quantized:
        writer.add_tensor(name, values.astype(np.float32))
        return
    blocks = gguf.quants.quantize(values.astype(np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor(name, blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
