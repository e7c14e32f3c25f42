#!/usr/bin/env python3
"""Writes the tiny random llama models and reference logits in ../fixtures.

    python make_fixtures.py            (needs torch, transformers, gguf, numpy)

Every model is a random `LlamaForCausalLM` whose weights are spread wide enough that a
mistake in rotation, grouping, masking or normalization moves the logits. Stored weights are rounded
first (F16, Q8_0), the rounded values go into the reference, so that only kernels are compared.
The tokenizer is a byte-level BPE: 256 bytes, some merges, chat tokens.
"""

import json
import pathlib

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MERGES = ["t h", "th e", "i n", "Ġ t", "Ġ the", "e r", "o n", "a n", "r e", 'Ġ "', '" :', "o d", "p od", "Ġ pod", "i s", "Ġ is"]


def byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in kept]
    table = {byte: chr(byte) for byte in kept}
    table.update({byte: chr(256 + number) for number, byte in enumerate(others)})
    return [table[byte] for byte in range(256)]


def vocabulary(size):
    tokens = byte_characters()
    merges = []
    for merge in MERGES:
        left, right = merge.split(" ")
        # A merge is only possible of tokens that exist.
        if left in tokens and right in tokens and left + right not in tokens:
            tokens.append(left + right)
            merges.append(merge)
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    fillers = [f"<filler{number}>" for number in range(size - len(tokens) - len(specials))]
    types = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.UNUSED] * len(fillers)
    types += [gguf.TokenType.CONTROL] * len(specials)
    return tokens + fillers + specials, types, merges


def permute(weight, heads):
    """Half-split rotation (transformers) to neighboring pairs (GGUF)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def stored(weight, kind):
    """The bytes to store and the values they mean."""
    if kind == gguf.GGMLQuantizationType.F32:
        return weight.astype(np.float32), weight.astype(np.float32)
    if kind == gguf.GGMLQuantizationType.F16:
        half = weight.astype(np.float16)
        return half, half.astype(np.float32)
    data = gguf.quants.quantize(weight, kind)
    return data, gguf.quants.dequantize(data, kind)


def model(config, seed):
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config).float().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                scale = 1.0 if "embed" in name else 1.6 / parameter.shape[1] ** 0.5
                parameter.normal_(0.0, scale, generator=generator)
    return model


NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name):
    if name.startswith("model.layers."):
        _, _, layer, part = name.removesuffix(".weight").split(".", 3)
        return f"blk.{layer}.{NAMES[part]}.weight"
    return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}[name]


def write(name, kind, *, tied, seed, vocab=331, hidden=64, heads=4, kv_heads=2, head_dim=16, inner=96, layers=2, rope=None):
    parameters = {"rope_type": "default", "rope_theta": 50000.0} | (rope or {})
    config = LlamaConfig(
        vocab_size=vocab, hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=head_dim,
        intermediate_size=inner, num_hidden_layers=layers, rms_norm_eps=1e-5, tie_word_embeddings=tied,
        max_position_embeddings=256, rope_parameters=parameters, attn_implementation="eager",
    )
    reference = model(config, seed)
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", "llama")
    writer.add_name(name)
    writer.add_context_length(256)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocab)
    tokens, types, merges = vocabulary(vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(vocab - 3)
    writer.add_eos_token_id(vocab - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    rotary = reference.model.rotary_emb
    if parameters["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(parameters["factor"])
    elif parameters["rope_type"] == "llama3":
        plain = 1.0 / parameters["rope_theta"] ** (torch.arange(0, head_dim, 2).float() / head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / rotary.inv_freq).numpy().astype(np.float32))
    with torch.no_grad():
        for key, parameter in reference.named_parameters():
            weight = parameter.numpy()
            matrix = weight.ndim == 2
            data, meant = stored(weight, kind if matrix else gguf.GGMLQuantizationType.F32)
            parameter.copy_(torch.from_numpy(meant))
            if "q_proj" in key:
                data = permute(data, heads)
            elif "k_proj" in key:
                data = permute(data, kv_heads)
            writer.add_tensor(gguf_name(key), data, raw_dtype=kind if matrix else gguf.GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ids = np.random.default_rng(seed).integers(0, vocab, 24)
    with torch.no_grad():
        logits = reference(torch.from_numpy(ids)[None]).logits[0].numpy()
    # Every third position is enough to catch a drift, and keeps the files small.
    positions = list(range(0, len(ids), 3)) + [len(ids) - 1]
    golden = {"tokens": ids.tolist(), "positions": positions, "logits": [[round(float(x), 4) for x in logits[p, ::5]] for p in positions], "stride": 5}
    (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")))
    print(f"{name}: {(OUT / f'{name}.gguf').stat().st_size} bytes, logits spread {logits.std():.2f}")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    kinds = gguf.GGMLQuantizationType
    write("q8-tied", kinds.Q8_0, tied=True, seed=1)
    write("f16-untied", kinds.F16, tied=False, seed=2, vocab=283, hidden=24, heads=3, kv_heads=1, head_dim=12, inner=44)
    write("f32-tied", kinds.F32, tied=True, seed=3, vocab=281, hidden=24, heads=4, kv_heads=2, head_dim=10, inner=28)
    write("f16-linear", kinds.F16, tied=True, seed=4, vocab=283, hidden=16, heads=2, kv_heads=2, head_dim=8, inner=24, rope={"rope_type": "linear", "factor": 4.0})
    write(
        "f16-llama3", kinds.F16, tied=True, seed=5, vocab=283, hidden=16, heads=2, kv_heads=1, head_dim=12, inner=24,
        rope={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
    )
