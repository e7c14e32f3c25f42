#!/usr/bin/env python3
"""Writes GGUF files of real shapes with random weights, for measuring speed.

    python make_models.py FOLDER [SHAPE ...] [--types Q8_0,Q4_K_M]      (needs gguf, numpy)

Blocks are random bytes with scales that keep activations near one, written straight in their storage type:
speed does not depend on the weights, and quantizing a billion of them takes an hour. The mixes of the `_M` types
follow llama.cpp's rule: Q6_K for some value and down projections and for the head. Every shape is of the llama
architecture, so that one file runs in both programs unchanged.
"""

import argparse
import pathlib

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

SHAPES = {
    "llama-3.2-1b": dict(hidden=2048, layers=16, heads=32, kv_heads=8, head_dim=64, inner=8192, vocab=128256),
    "qwen2.5-0.5b": dict(hidden=896, layers=24, heads=14, kv_heads=2, head_dim=64, inner=4864, vocab=151936),
    # Mistral 7B's shape, and that of most models of its size.
    "mistral-7b": dict(hidden=4096, layers=32, heads=32, kv_heads=8, head_dim=128, inner=14336, vocab=32768),
    "tiny": dict(hidden=256, layers=2, heads=4, kv_heads=2, head_dim=64, inner=512, vocab=512),
}
# Offsets of half-precision scales and what codes are scaled by on the way to weights of about one.
HALVES = {
    "Q8_0": {0: 1 / 74}, "Q4_0": {0: 1 / 4.6}, "Q4_1": {0: 1 / 4.6, 2: -7.5 / 4.6}, "Q5_0": {0: 1 / 9.2}, "Q5_1": {0: 1 / 9.2, 2: -15.5 / 9.2},
    "Q4_K": {0: 1 / 150, 2: 7.5 / 150}, "Q5_K": {0: 1 / 300, 2: 15 / 300}, "Q6_K": {208: 1 / 1400},
}
# For rows that are no multiple of 256, as llama.cpp has it.
FALLBACKS = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
MIXES = {"Q4_K_M": ("Q4_K", "Q6_K"), "Q5_K_M": ("Q5_K", "Q6_K")}


def tensor(random, rows, columns, name):
    if name == "BF16":
        # The upper halves of 32-bit reals.
        made = random.standard_normal((rows, columns), dtype=np.float32) * np.float32(columns**-0.5)
        return (made.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(rows, 2 * columns), Type.BF16
    weights, size = GGML_QUANT_SIZES[Type[name]]
    if columns % weights:
        return tensor(random, rows, columns, FALLBACKS[name])
    blocks = rows * columns // weights
    made = np.frombuffer(random.bytes(blocks * size), dtype=np.uint8).reshape(blocks, size).copy()
    for at, scale in HALVES[name].items():
        spread = columns**-0.5 * scale * random.uniform(0.5, 1.5, size=blocks)
        made[:, at : at + 2] = spread.astype(np.float16).view(np.uint8).reshape(blocks, 2)
    return made.reshape(rows, columns // weights * size), Type[name]


def more_bits(layer, layers):
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def write(path, shape, kind):
    base, better = MIXES.get(kind, (kind, kind))
    s, random = shape, np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(path.stem)
    writer.add_context_length(16384)
    writer.add_embedding_length(s["hidden"])
    writer.add_block_count(s["layers"])
    writer.add_feed_forward_length(s["inner"])
    writer.add_head_count(s["heads"])
    writer.add_head_count_kv(s["kv_heads"])
    writer.add_key_length(s["head_dim"])
    writer.add_value_length(s["head_dim"])
    writer.add_rope_dimension_count(s["head_dim"])
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(s["vocab"])
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [f"t{number}" for number in range(len(tokens), s["vocab"])]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def add(name, rows, columns, type_name):
        data, dtype = tensor(random, rows, columns, type_name)
        writer.add_tensor(name, data, raw_dtype=dtype)

    def norm(name):
        writer.add_tensor(name, np.ones(s["hidden"], dtype=np.float32))

    queries, keys = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    add("token_embd.weight", s["vocab"], s["hidden"], better)
    norm("output_norm.weight")
    for layer in range(s["layers"]):
        n = f"blk.{layer}."
        high = better if more_bits(layer, s["layers"]) else base
        norm(n + "attn_norm.weight")
        add(n + "attn_q.weight", queries, s["hidden"], base)
        add(n + "attn_k.weight", keys, s["hidden"], base)
        add(n + "attn_v.weight", keys, s["hidden"], high)
        add(n + "attn_output.weight", s["hidden"], queries, base)
        norm(n + "ffn_norm.weight")
        add(n + "ffn_gate.weight", s["inner"], s["hidden"], base)
        add(n + "ffn_up.weight", s["inner"], s["hidden"], base)
        add(n + "ffn_down.weight", s["hidden"], s["inner"], high)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("shapes", nargs="*", default=["llama-3.2-1b", "qwen2.5-0.5b"])
    parser.add_argument("--types", default="Q8_0,Q4_0,Q4_K_M,Q5_K_M,Q6_K")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.shapes:
        for kind in options.types.split(","):
            path = options.folder / f"{name}-{kind.lower()}.gguf"
            write(path, SHAPES[name], kind)
            print(path, f"{path.stat().st_size / 1e9:.2f} GB")


main()
