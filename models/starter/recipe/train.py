"""Trains one size of the starter model on lines that `starter_data` wrote.

    python3 train.py data.jsonl --out work --size 3M

Writes `NAME.gguf` (Q8_0), `NAME.pt`, `NAME.json` with what was measured and
`NAME.samples.json` with every held-out answer. Recipes held out are never seen,
the last two seeds of the others neither. Loss is taken on the answer only.

Training ends after a number of steps that the size decides; the clock is a
limit beyond it, and the summary says if it was reached. On a processor, the
same data, arguments, threads and kind of machine give the same weights to the
bit; on a GPU they do not.
"""

import argparse
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import evaluate
import export
from data import CONTEXT, SPECIAL, Data, Examples, answered, load, train_tokenizer
from model import SIZES, Decoder
from muon import Muon

RATE_MATRICES, RATE_OTHERS = 0.02, 3e-3
# Tokens per step that keep the device busy.
BATCH_TOKENS = {"cuda": 32768, "cpu": 4096}


@dataclass
class Budget:
    """When training ends."""

    steps: int
    minutes_max: float

    def scale(self, step: int) -> float:
        """Share of the full rate: warm-up, then level, then down over the last two fifths."""
        warm = min(100, max(1, self.steps // 10))
        return min(1.0, (step + 1) / warm) * min(1.0, max(0.02, (1 - step / self.steps) / 0.4))


def loss_of(model: Decoder, ids, wanted, device: str):
    """Mean cross-entropy per answer token."""
    ids, wanted = ids.to(device, non_blocking=True), wanted.to(device, non_blocking=True)
    with torch.autocast(device, dtype=torch.bfloat16):
        hidden = model.hidden(ids)[:, :-1]
        chosen = wanted[:, 1:]
        logits = F.linear(hidden[chosen], model.embedding.weight)
    return F.cross_entropy(logits.float(), ids[:, 1:][chosen])


def train(model: Decoder, examples: Examples, budget: Budget, args, device: str) -> dict:
    rng = random.Random(args.seed)
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and "embedding" not in n]
    others = [p for n, p in model.named_parameters() if p.dim() != 2 or "embedding" in n]
    muon = Muon(matrices, RATE_MATRICES)
    adam = torch.optim.AdamW(others, lr=RATE_OTHERS, betas=(0.9, 0.95), weight_decay=0)
    started, tokens, step, mean = time.monotonic(), 0, 0, 0.0
    minutes = lambda: (time.monotonic() - started) / 60
    while step < budget.steps and minutes() < budget.minutes_max:
        scale = budget.scale(step)
        ids, wanted = examples.draw(args.batch_tokens, rng)
        loss = loss_of(model, ids, wanted, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in adam.param_groups:
            group["lr"] = RATE_OTHERS * scale
        adam.step()
        muon.step(scale)
        model.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + ids.numel()
        if step % 50 == 0 or step < 50:
            mean = loss.item() if mean == 0.0 else 0.7 * mean + 0.3 * loss.item()
        if step % max(1, budget.steps // 20) == 0 or step == budget.steps:
            print(f"{args.size} step {step} of {budget.steps}, {minutes():.1f} min, {tokens / 1e6:.1f}M tokens, loss {mean:.4f}", flush=True)
    whole = step == budget.steps
    if not whole:
        print(f"{args.size}: the clock ended training at step {step} of {budget.steps}, before the rate came down: these weights cannot be made again", flush=True)
    return {"steps": step, "steps_planned": budget.steps, "whole": whole, "tokens": tokens, "minutes": round(minutes(), 2), "loss": round(mean, 4)}


@torch.no_grad()
def held_out_loss(model: Decoder, tokenizer: Tokenizer, lines: list[dict], wording: bool, args, device: str) -> float:
    """Mean loss per answer token; `wording` asks for the wordings kept from training."""
    examples = Examples(tokenizer, answered(lines, 1, 99, args.workers, wording, args.statement))
    losses = []
    for start in range(0, len(lines), 16):
        ids, wanted = examples.batch(examples.order[start : start + 16])
        losses.append(loss_of(model, ids, wanted, device).item())
    return round(sum(losses) / max(1, len(losses)), 4)


def learned(data: Data, args, device: str) -> tuple[Decoder, Tokenizer, dict]:
    """A model trained from random weights, its tokenizer, and what training took."""
    pairs = answered(data.training, args.ways, args.seed, args.workers, statement=args.statement)
    corpus = random.Random(args.seed).sample(pairs, min(len(pairs), 6000))
    tokenizer = train_tokenizer([text for pair in corpus for text in pair], args.vocabulary)
    examples = Examples(tokenizer, pairs)
    lengths = [len(examples.prompts[index]) for index in examples.order]
    print(f"{len(data.training)} training lines, {len(data.unseen)} of unseen recipes; prompt tokens median {lengths[len(lengths) // 2]}, most {lengths[-1]}", flush=True)
    model = Decoder(tokenizer.get_vocab_size(), SIZES[args.size], CONTEXT).to(device)
    print(f"{args.size}: {model.parameters_total() / 1e6:.2f}M parameters on {device}, {torch.get_num_threads()} threads", flush=True)
    tokens = round((args.tokens or SIZES[args.size].tokens) * 1e6)
    figures = train(model, examples, Budget(max(1, tokens // args.batch_tokens), args.minutes_max), args, device)
    return model.eval(), tokenizer, figures


def judged(model: Decoder, tokenizer: Tokenizer, data: Data, figures: dict, args, device: str) -> tuple[dict, list[dict]]:
    """How it answers held-out incidents, and every such answer; adds to `figures`."""
    sets = evaluate.held_out(data, args.evaluated)
    unseen = sets["unseen recipes"]
    figures["loss_unseen_recipes"] = held_out_loss(model, tokenizer, unseen, False, args, device)
    figures["loss_unseen_wordings"] = held_out_loss(model, tokenizer, unseen, True, args, device)
    # What ships is judged, in the precision it is judged in by the product; the full weights once beside it.
    batch = 128 if device == "cuda" else 8
    report = evaluate.evaluate(export.rounded(model), tokenizer, sets, batch)
    figures["unrounded"] = evaluate.evaluate(model, tokenizer, {"unseen recipes": unseen}, batch)["unseen recipes"]["all"]
    samples = []
    for part, chosen in sets.items():
        replies = report[part].pop("replies")
        if args.statement:
            report[part]["mechanism"] = evaluate.mechanism(chosen, replies, data.lines)
        shown = ("recipe", "variant", "user", "right")
        samples += [{key: line[key] for key in shown} | {"reply": text} for line, text in zip(chosen, replies)]
    return report, samples


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("work"))
    parser.add_argument("--size", choices=SIZES, default="3M")
    parser.add_argument("--vocabulary", type=int, default=3072)
    parser.add_argument("--tokens", type=float, help="tokens to train on, in millions; the size decides where it is not given")
    parser.add_argument("--minutes-max", type=float, default=300, help="training ends here at the latest")
    parser.add_argument("--batch-tokens", type=int, help="tokens per step; the device decides where it is not given")
    parser.add_argument("--ways", type=int, default=8, help="prompts with answers made of each line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="threads of a processor; weights depend on it")
    parser.add_argument("--workers", type=int, default=4, help="processes that word answers; weights do not depend on it")
    parser.add_argument("--evaluated", type=int, default=800, help="held-out incidents that are answered")
    parser.add_argument("--statement", action="store_true", help="learn to state the cause as well, as the rules do")
    return parser.parse_args()


def main():
    args = parsed()
    data = load(args.data)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    args.batch_tokens = args.batch_tokens or BATCH_TOKENS[device]
    torch.manual_seed(args.seed)
    if args.threads:
        torch.set_num_threads(args.threads)
    # Sums of gradients in one order; the GPU has no such order for all of them.
    torch.use_deterministic_algorithms(device == "cpu")
    args.out.mkdir(parents=True, exist_ok=True)
    name = f"{args.size}{'-states' if args.statement else ''}"

    model, tokenizer, figures = learned(data, args, device)
    torch.save({"model": model.state_dict(), "size": args.size, "tokenizer": tokenizer.to_str()}, args.out / f"{name}.pt")
    export.write(args.out / f"{name}.gguf", model, tokenizer, SPECIAL)
    report, samples = judged(model, tokenizer, data, figures, args, device)
    (args.out / f"{name}.samples.json").write_text(json.dumps(samples))
    summary = {
        "parameters": model.parameters_total(), "size": args.size, "seed": args.seed, "lines": len(data.training), "device": device,
        "threads": torch.get_num_threads(), "batch_tokens": args.batch_tokens, "data_sha256": data.sha256, "figures": figures, "evaluation": report,
    }
    (args.out / f"{name}.json").write_text(json.dumps(summary, indent=1))
    print(evaluate.table({f"{name} {part}": one["all"] for part, one in report.items()}))
    print(json.dumps({name: figures}), flush=True)


if __name__ == "__main__":
    main()
