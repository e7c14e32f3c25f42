"""Weights out of names: the same numbers here and in `models.rs`.

A tensor's numbers come from splitmix64, whose state is the FNV-1a hash of its name. Each takes the upper byte, so that it
has at most eight significant bits and is the same in F32, F16 and BF16.
"""

import numpy as np


def hash_bytes(data):
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return state


def upper_bytes(name, count):
    mask = np.uint64(0xFFFFFFFFFFFFFFFF)
    with np.errstate(over="ignore"):
        z = np.uint64(hash_bytes(name.encode())) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9) & mask
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB) & mask
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(56)).astype(np.int64)


def tensor(name, shape, gemma):
    """Norms around one (around zero for Gemma), biases and sinks wide, matrices as wide as keeps activations alive."""
    count = int(np.prod(shape))
    u = upper_bytes(name, count)
    if "norm" in name:
        values = (u - 128) / 256.0 if gemma else (64 + (u >> 1)) / 128.0
    elif name.endswith("bias") or name.endswith("sinks"):
        values = (u - 128) / 256.0
    else:
        # A power of two next to 3 / sqrt(inputs); embeddings are wide, but for Gemma, which multiplies them.
        inputs = shape[-1] if len(shape) == 2 else shape[-2]
        wide = 0.25 if gemma else 1.0
        scale = wide if "embed" in name else 2.0 ** round(np.log2(3.0 / np.sqrt(inputs)))
        values = (u - 128) / 128.0 * scale
    return values.astype(np.float32).reshape(shape)


def tokens(count, vocab):
    u = upper_bytes("tokens", 2 * count)
    return [int(u[2 * i] * 256 + u[2 * i + 1]) % vocab for i in range(count)]
