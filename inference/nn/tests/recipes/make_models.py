#!/usr/bin/env python3
"""Writes ../models: a tiny random model of every architecture, without its weights, and its logits.

    LLAMA_CPP=<llama.cpp's source tree> python make_models.py [NAME ...]   (needs torch, transformers, gguf, numpy)
    python llama_logits.py [NAME ...]                                       (needs llama_cpp and numpy)

Weights come from a seed, in `weights.py` here and in `models.rs` of the tests alike, and have at most eight
significant bits: F32, F16 and BF16 files of a model hold the same numbers. What is written for each model:

    config.json       as transformers saves it, or an older dialect where the name says so
    model.json        names and shapes of the checkpoint's tensors; metadata of the GGUF that llama.cpp's
                      converter makes of it, and how each of its tensors comes from the checkpoint's, with a hash
    logits.f32        of transformers, eager attention in 32 bits, [positions, vocabulary]
    llama_cpp.f32     of llama.cpp, on the F32 GGUF

The GGUF itself goes to $OUT (default /tmp/anchorite-models), for llama_logits.py alone.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import weights

sys.path.insert(0, os.environ["LLAMA_CPP"])
sys.path.insert(0, os.path.join(os.environ["LLAMA_CPP"], "gguf-py"))
import gguf  # noqa: E402
from conversion import ModelType, get_model_class  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
OUT = pathlib.Path(os.environ.get("OUT", "/tmp/anchorite-models"))
VOCAB = 331
POSITIONS = 40

COMMON = {
    "vocab_size": VOCAB, "hidden_size": 96, "intermediate_size": 80, "num_hidden_layers": 5, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "tie_word_embeddings": False,
}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 5e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16}


def longrope(pairs):
    return {
        "rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 16,
        "short_factor": [1.0 + 0.05 * i for i in range(pairs)], "long_factor": [1.5 + 0.4 * i for i in range(pairs)],
    }


# What GGUF has no words for.
CHECKPOINT_ONLY = {"qwen2-window", "qwen3-moe-mixed", "gemma2-scalar"}
# Name: model_type, settings beside COMMON, and what is taken away to get an older dialect.
CASES = {
    "llama2": ("llama", {"num_key_value_heads": 6}),
    "llama31": ("llama", {"rope_parameters": LLAMA3, "tie_word_embeddings": True}),
    "llama-linear": ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}, "attention_bias": True, "mlp_bias": True}),
    "mistral": ("mistral", {"sliding_window": 8, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "mistral-nemo": ("mistral", {"sliding_window": None, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "qwen2": ("qwen2", {"head_dim": None, "hidden_size": 192, "use_sliding_window": False, "sliding_window": 8, "tie_word_embeddings": True}),
    "qwen2-window": ("qwen2", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 3}),
    "qwen25-yarn": ("qwen2", {"head_dim": None, "hidden_size": 192, "rope_parameters": YARN}),
    "qwen3": ("qwen3", {"rms_norm_eps": 1e-6}),
    "qwen3-moe": ("qwen3_moe", {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []}),
    "qwen3-moe-mixed": ("qwen3_moe", {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 48, "norm_topk_prob": False, "decoder_sparse_step": 2, "mlp_only_layers": [3]}),
    "phi3": ("phi3", {"head_dim": None, "hidden_size": 192, "sliding_window": 8, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}),
    "phi35": ("phi3", {"head_dim": None, "hidden_size": 192, "sliding_window": None, "original_max_position_embeddings": 16, "rope_parameters": longrope(16)}),
    "phi4-mini": ("phi3", {"head_dim": None, "hidden_size": 192, "sliding_window": None, "original_max_position_embeddings": 16, "partial_rotary_factor": 0.75, "rope_parameters": longrope(12) | {"partial_rotary_factor": 0.75}, "tie_word_embeddings": True}),
    "gemma2": ("gemma2", {"sliding_window": 8, "query_pre_attn_scalar": 32, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True}),
    "gemma2-scalar": ("gemma2", {"sliding_window": 8, "query_pre_attn_scalar": 16, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True}),
    "gemma3": ("gemma3_text", {"sliding_window": 8, "num_hidden_layers": 7, "query_pre_attn_scalar": 32, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True, "rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}),
    "granite": ("granite", {"head_dim": None, "hidden_size": 192, "embedding_multiplier": 6.0, "attention_multiplier": 0.2, "residual_multiplier": 0.5, "logits_scaling": 4.0, "tie_word_embeddings": True}),
    "smollm3": ("smollm3", {"no_rope_layer_interval": 4, "rope_parameters": {"rope_type": "default", "rope_theta": 5e4}}),
    "olmo2": ("olmo2", {"head_dim": None, "hidden_size": 192}),
    "gpt-oss": ("gpt_oss", {"sliding_window": 8, "num_local_experts": 5, "num_experts_per_tok": 2, "rope_parameters": YARN | {"truncate": False, "rope_theta": 150000.0}}),
}


def old_dialect(config):
    """The settings as transformers 4 wrote them."""
    config = dict(config)
    parameters = config.pop("rope_parameters", None) or {}
    config.pop("layer_types", None)
    if config["model_type"] == "qwen3_moe":
        config["num_experts"] = config.pop("num_local_experts")
    if config["model_type"] == "gemma2":
        config["sliding_window_size"] = config["sliding_window"]
    config["torch_dtype"] = config.pop("dtype", "float32")
    if "full_attention" in parameters:
        config["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = 6
        parameters = parameters["full_attention"]
    parameters = dict(parameters)
    if "rope_theta" in parameters:
        config["rope_theta"] = parameters.pop("rope_theta")
    if "partial_rotary_factor" in parameters:
        config["partial_rotary_factor"] = parameters.pop("partial_rotary_factor")
    kind = parameters.pop("rope_type", "default")
    config["rope_scaling"] = None if kind == "default" else {"type" if kind == "linear" else "rope_type": kind} | parameters
    return config


def settings(name):
    model_type, own = CASES[name]
    values = COMMON | own
    return AutoConfig.for_model(model_type, **{key: value for key, value in values.items() if not (key == "head_dim" and value is None)})


def plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def how(name, data, checkpoint, heads, kv_heads):
    """Finds how a tensor of the GGUF comes from those of the checkpoint."""
    for source, tensor in checkpoint.items():
        if tensor.size == data.size and tensor.shape == data.shape:
            if np.array_equal(tensor, data):
                return {"copy": source}
            if tensor.ndim == 1 and np.array_equal(tensor + 1.0, data):
                return {"plus_one": source}
            if tensor.ndim in (1, 2):
                for count in (heads, kv_heads):
                    if tensor.shape[0] % (2 * count) == 0:
                        turned = tensor.reshape(count, 2, tensor.shape[0] // count // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)
                        if np.array_equal(turned, data):
                            return {"permute": source, "heads": count}
    if data.ndim == 3:
        parts = []
        for expert in data:
            found = [source for source, tensor in checkpoint.items() if tensor.shape == expert.shape and np.array_equal(tensor, expert)]
            parts.append(found[0] if found else None)
        if all(parts):
            return {"stack": parts}
    for source, tensor in checkpoint.items():
        # gpt-oss: experts the wrong way round, gate and up in turns.
        if tensor.ndim == data.ndim and tensor.ndim in (2, 3):
            straight = tensor.swapaxes(1, 2) if tensor.ndim == 3 else tensor
            if np.array_equal(straight, data):
                return {"turn": source}
            for first in (0, 1):
                if straight[:, first::2].shape == data.shape and np.array_equal(straight[:, first::2], data):
                    return {"turn" if tensor.ndim == 3 else "rows": source, "first": first}
    if data.size <= 64:
        return {"values": [float(value) for value in data.ravel()]}
    raise SystemExit(f"{name}: {data.shape} comes from nowhere")


def convert(directory, name, out):
    """The GGUF of llama.cpp's own converter, with a vocabulary that means nothing."""
    config = json.loads((directory / "config.json").read_text())
    cls = get_model_class(config["architectures"][0])

    def set_vocab(self):
        tokens = [f"<{number}>" for number in range(VOCAB)]
        self.gguf_writer.add_tokenizer_model("gpt2")
        self.gguf_writer.add_tokenizer_pre("gpt-2")
        self.gguf_writer.add_token_list(tokens)
        self.gguf_writer.add_token_types([gguf.TokenType.NORMAL] * VOCAB)
        self.gguf_writer.add_token_merges(["<1> <2>"])
        self.gguf_writer.add_eos_token_id(2)

    # Gemma's converter counts the tokens here.
    vocabulary = {"model": {"vocab": {f"<{number}>": number for number in range(VOCAB)}}, "added_tokens": []}
    (directory / "tokenizer.json").write_text(json.dumps(vocabulary))
    plain_class = type(cls.__name__, (cls,), {"set_vocab": set_vocab, "model_arch": cls.model_arch})
    with torch.inference_mode():
        instance = plain_class(directory, gguf.LlamaFileType.ALL_F32, out, model_name="tiny")
        instance.write()


def describe(path, checkpoint, config):
    reader = gguf.GGUFReader(path)
    metadata = {}
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key.startswith("tokenizer."):
            continue
        kind = field.types[0].name if len(field.types) == 1 else [kind.name for kind in field.types]
        metadata[key] = {"type": kind, "value": plain(field.contents())}
    tensors = []
    for tensor in reader.tensors:
        data = np.array(tensor.data, dtype=np.float32)
        data = data.reshape([int(dim) for dim in tensor.shape[::-1]])
        entry = {"name": tensor.name, "shape": list(data.shape), "hash": f"{weights.hash_bytes(data.tobytes()):016x}"}
        tensors.append(entry | how(tensor.name, data, checkpoint, config.num_attention_heads, config.num_key_value_heads))
    return {"metadata": metadata, "tensors": tensors}


def make(name):
    config = settings(name)
    config.architectures = None
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    folder = MODELS / name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        model.save_pretrained(directory)
        stored = load_file(directory / "model.safetensors")
        gemma = config.model_type.startswith("gemma")
        checkpoint = {key: weights.tensor(key, stored[key].shape, gemma) for key in stored}
        save_file(checkpoint, directory / "model.safetensors", metadata={"format": "pt"})
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
        tokens = weights.tokens(POSITIONS, VOCAB)
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0].float().numpy()
        (folder / "logits.f32").write_bytes(logits.astype("<f4").tobytes())
        OUT.mkdir(parents=True, exist_ok=True)
        path = OUT / f"{name}.gguf"
        described = None
        if name not in CHECKPOINT_ONLY:
            convert(directory, name, path)
            described = describe(path, checkpoint, config)
        saved = json.loads((directory / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(saved, indent=1) + "\n")
        (folder / "config-4.json").write_text(json.dumps(old_dialect(saved), indent=1) + "\n")
        model_json = {
            "tokens": tokens, "gemma": gemma,
            "tensors": {key: list(stored[key].shape) for key in sorted(stored)}, "gguf": described,
        }
        (folder / "model.json").write_text(json.dumps(model_json, separators=(",", ":")) + "\n")
    probabilities = torch.softmax(torch.tensor(logits), -1)
    entropy = -(probabilities * probabilities.log()).sum(-1).mean() / np.log(VOCAB)
    print(f"{name}: logits spread {logits.std():.2f}, entropy {entropy:.2f} of uniform")


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name)
