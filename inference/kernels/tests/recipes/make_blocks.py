#!/usr/bin/env python3
"""Writes random blocks of every storage type and what gguf-py makes of them into ../fixtures.

    python make_blocks.py              (needs gguf, numpy)

Codes, small scales and bits are random bytes; half-precision scales are drawn from finite reals,
so that every value can be compared. `NAME.blocks` has the bytes, `NAME.f32` the weights.
"""

import pathlib

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type

OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
# Where the half-precision reals of a block lie.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0], "MXFP4": [],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_XS": [0],
    "F16": [0],
}
WEIGHTS = 768


def blocks(name, random):
    weights, size = GGML_QUANT_SIZES[Type[name]]
    count = WEIGHTS // weights
    if name in ("F32", "BF16"):
        reals = random.normal(size=count).astype(np.float32)
        return gguf.quants.quantize(reals, Type[name]).view(np.uint8).reshape(count, size)
    made = random.integers(0, 256, size=(count, size), dtype=np.uint8)
    for at in HALVES[name]:
        halves = (random.normal(size=count) * 0.1).astype(np.float16)
        made[:, at : at + 2] = halves.view(np.uint8).reshape(count, 2)
    if name == "MXFP4":
        made[:, 0] = random.integers(0, 200, size=count)
        made[:2, 0] = [0, 1]
    return made


def main():
    random = np.random.default_rng(7)
    for name in [*HALVES, "F32", "BF16"]:
        made = blocks(name, random)
        meant = gguf.quants.dequantize(made.reshape(-1), Type[name]).astype(np.float32)
        assert meant.size == WEIGHTS and np.isfinite(meant).all(), name
        (OUT / f"{name.lower()}.blocks").write_bytes(made.tobytes())
        (OUT / f"{name.lower()}.f32").write_bytes(meant.tobytes())


main()
