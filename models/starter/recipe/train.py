"""Trains the starter model: tokenizer, weights, GGUF, manifest.

    cargo run --release -p anchorite --example starter_data -- data.jsonl
    python3 train.py data.jsonl --out ..

Deterministic from --seed on one machine. Loss is taken on the answer only.
"""

import argparse
import hashlib
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import export
from answers import answer
from model import SIZES, Decoder

CONTEXT = 1024
SPECIAL = ["<|end|>", "<|user|>", "<|answer|>"]
# Recipes whose name hashes to this remainder are never trained on.
HELD_OUT_MODULUS, HELD_OUT_REMAINDER = 7, 3


def held_out(recipe: str) -> bool:
    return int(hashlib.sha256(recipe.encode()).hexdigest(), 16) % HELD_OUT_MODULUS == HELD_OUT_REMAINDER


def train_tokenizer(texts: list[str], size: int) -> Tokenizer:
    """Byte-level BPE; digits stand alone, so that numbers look alike everywhere."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Examples:
    """Training lines as tokens; answers are worded anew at every visit."""

    def __init__(self, lines: list[dict], tokenizer: Tokenizer, held_out_wordings: bool = False):
        self.lines, self.tokenizer, self.held_out_wordings = lines, tokenizer, held_out_wordings
        self.prompts = [tokenizer.encode("explain" + "\n" + line["user"], add_special_tokens=False).ids for line in lines]

    def example(self, index: int, rng: random.Random):
        text = answer(self.lines[index], rng, self.held_out_wordings)
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        prompt = [1, *self.prompts[index], 2]
        return prompt, [*ids, 0]

    def batch(self, indices: list[int], rng: random.Random):
        pairs = [self.example(index, rng) for index in indices]
        length = min(CONTEXT, max(len(p) + len(a) for p, a in pairs))
        ids = torch.zeros(len(pairs), length, dtype=torch.long)
        weight = torch.zeros(len(pairs), length)
        for row, (prompt, reply) in enumerate(pairs):
            whole = (prompt + reply)[:length]
            ids[row, : len(whole)] = torch.tensor(whole)
            weight[row, len(prompt) : len(whole)] = 1.0
        return ids, weight


def loss_of(model: Decoder, ids, weight, device: str):
    """Mean cross-entropy per answer token."""
    ids, weight = ids.to(device), weight.to(device)
    with torch.autocast(device, dtype=torch.bfloat16):
        hidden = model.hidden(ids)[:, :-1]
        chosen = weight[:, 1:] > 0
        logits = F.linear(hidden[chosen], model.embedding.weight)
    return F.cross_entropy(logits.float(), ids[:, 1:][chosen])


class Muon:
    """Orthogonalised momentum for matrices (Keller Jordan, 2024)."""

    def __init__(self, parameters, rate: float):
        self.parameters, self.rate = list(parameters), rate
        self.momentum = [torch.zeros_like(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, scale: float):
        for parameter, momentum in zip(self.parameters, self.momentum):
            momentum.mul_(0.95).add_(parameter.grad)
            update = self.orthogonal(parameter.grad + 0.95 * momentum)
            rate = self.rate * scale
            parameter.mul_(1 - rate * 0.01).add_(update, alpha=-rate * max(1, update.shape[0] / update.shape[1]) ** 0.5)

    @staticmethod
    def orthogonal(gradient):
        """Five Newton-Schulz steps towards the nearest orthogonal matrix."""
        x = gradient / (gradient.norm() + 1e-7)
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        for _ in range(5):
            square = x @ x.T
            x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
        return x.T if tall else x


def train(model: Decoder, examples: Examples, args, device: str) -> dict:
    rng = random.Random(args.seed)
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embedding" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n]
    muon = Muon(matrices, 0.02)
    adam = torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.95), weight_decay=0)
    order = sorted(range(len(examples.lines)), key=lambda index: len(examples.prompts[index]))
    started, tokens, step, mean = time.monotonic(), 0, 0, 0.0
    while (elapsed := time.monotonic() - started) < args.minutes * 60 and step < args.steps:
        progress = max(elapsed / (args.minutes * 60), step / args.steps)
        scale = min(1.0, (step + 1) / 30) * min(1.0, max(0.02, (1 - progress) / 0.4))
        # Neighbours in length make a batch without much padding.
        centre = rng.randrange(len(order))
        length = len(examples.prompts[order[centre]]) + 160
        count = max(1, args.batch_tokens // length)
        indices = [order[(centre + offset) % len(order)] for offset in range(count)]
        ids, weight = examples.batch(indices, rng)
        loss = loss_of(model, ids, weight, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in adam.param_groups:
            group["lr"] = 3e-3 * scale
        adam.step()
        muon.step(scale)
        model.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + ids.numel()
        mean = loss.item() if step == 1 else 0.97 * mean + 0.03 * loss.item()
        if step % 50 == 0:
            print(f"step {step} {elapsed:.0f}s {tokens / 1e6:.2f}M tokens loss {mean:.3f}", flush=True)
    return {"steps": step, "tokens": tokens, "minutes": round((time.monotonic() - started) / 60, 1), "loss": round(mean, 4)}


@torch.no_grad()
def evaluate(model: Decoder, examples: Examples, device: str) -> float:
    """Mean loss per answer token, wordings drawn from a fixed seed."""
    rng = random.Random(1)
    total, batches = 0.0, 0
    for start in range(0, len(examples.lines), 8):
        indices = list(range(start, min(start + 8, len(examples.lines))))
        total += loss_of(model, *examples.batch(indices, rng), device).item()
        batches += 1
    return round(total / max(1, batches), 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="lines written by the starter_data example")
    parser.add_argument("--out", type=Path, default=Path(".."), help="folder of starter.gguf and manifest.json")
    parser.add_argument("--size", choices=SIZES, default="3M")
    parser.add_argument("--vocabulary", type=int, default=1536)
    parser.add_argument("--minutes", type=float, default=12, help="wall-clock budget of training")
    parser.add_argument("--steps", type=int, default=10**9, help="step budget; whichever ends first")
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    if args.threads:
        torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    raw = args.data.read_bytes()
    lines = [json.loads(line) for line in raw.splitlines()]
    training = [line for line in lines if not held_out(line["recipe"])]
    unseen = [line for line in lines if held_out(line["recipe"])][:160]
    rng = random.Random(args.seed)
    corpus = [text for line in training[:4000] for text in (line["user"], answer(line, rng))]
    tokenizer = train_tokenizer(corpus, args.vocabulary)
    examples = Examples(training, tokenizer)
    lengths = sorted(len(prompt) for prompt in examples.prompts)
    print(f"{len(training)} training lines, {len(unseen)} held out; prompt tokens median {lengths[len(lengths) // 2]}, most {lengths[-1]}")

    model = Decoder(tokenizer.get_vocab_size(), SIZES[args.size], CONTEXT).to(device)
    print(f"{model.parameters_total() / 1e6:.2f}M parameters on {device}")
    figures = train(model, examples, args, device)
    model.eval()
    figures["loss_unseen_recipes"] = evaluate(model, Examples(unseen, tokenizer), device)
    figures["loss_unseen_wordings"] = evaluate(model, Examples(unseen, tokenizer, True), device)
    figures["perplexity_unseen_recipes"] = round(math.exp(figures["loss_unseen_recipes"]), 3)
    path = args.out / "starter.gguf"
    export.write(path, model.cpu(), tokenizer, SPECIAL)
    manifest = {
        "name": "anchorite-starter",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "Apache-2.0",
        "architecture": "llama",
        "parameters": model.parameters_total(),
        "context_tokens": CONTEXT,
        "aliases": True,
        "recipe": {"size": args.size, "seed": args.seed, "data_sha256": hashlib.sha256(raw).hexdigest(), "lines": len(training), "device": device},
        "figures": figures,
    }
    (args.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
