#!/usr/bin/env python3
"""Adds llama.cpp's logits to ../models; see make_models.py, which writes the files this reads."""

import json
import os
import pathlib
import sys

import llama_cpp
import numpy as np

MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"
OUT = pathlib.Path(os.environ.get("OUT", "/tmp/anchorite-models"))


def logits(path, tokens):
    """Of every position, read at once in 32 bits."""
    model = llama_cpp.Llama(
        str(path), n_ctx=64, n_batch=64, n_threads=1, logits_all=True, verbose=False, flash_attn=False, type_k=0, type_v=0
    )
    model.eval(tokens)
    return np.array(model.scores[: len(tokens)], dtype="<f4")


for name in sys.argv[1:] or sorted(path.stem for path in OUT.glob("*.gguf")):
    folder = MODELS / name
    tokens = json.loads((folder / "model.json").read_text())["tokens"]
    found = logits(OUT / f"{name}.gguf", tokens)
    reference = np.frombuffer((folder / "logits.f32").read_bytes(), "<f4").reshape(found.shape)
    (folder / "llama_cpp.f32").write_bytes(found.tobytes())
    error = np.square(found - reference).mean() / np.square(reference).mean()
    print(f"{name}: against transformers NMSE {error:.1e}, at most {np.abs(found - reference).max():.1e}")
