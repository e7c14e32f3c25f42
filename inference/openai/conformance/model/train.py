"""Trains the tiny model of the conformance tests and writes it as a GGUF.

    nice -n 19 python train.py --out tiny.gguf        a few minutes, one thread

It learns the transcripts by heart, no more: what is tested is how an answer is
carried, not what a model knows. The decoder is the starter's.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import gguf
import jinja2
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[3] / "models/starter/recipe"))
from export import add_tensor, tensors  # noqa: E402
from model import NORM_EPSILON, ROPE_BASE, Decoder, Size  # noqa: E402

import transcripts  # noqa: E402

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MARKS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
SIZE = Size(layers=3, width=96, heads=4, inner=256)
VOCABULARY = 576
CONTEXT = 2048
TEMPLATE = (HERE / "template.jinja").read_text()


def template() -> jinja2.Template:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(TEMPLATE)


def example(rng: random.Random, layout: jinja2.Template) -> tuple[str, str]:
    """What is read and what is to be written."""
    if rng.random() < 0.08:
        text = rng.choice(transcripts.PLAIN)
        cut = text.index(" ", 3)
        return text[:cut], text[cut:] + "<|im_end|>"
    messages, tools, thoughts, answer, quiet = transcripts.chat(rng)
    arguments = {"enable_thinking": False} if quiet else {}
    read = layout.render(messages=messages, tools=tools, add_generation_prompt=True, **arguments)
    return read, ("" if quiet else thoughts) + answer + "<|im_end|>"


def train_tokenizer(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=CONTROL + MARKS, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in CONTROL + MARKS])
    return tokenizer


def batch(rng: random.Random, layout, tokenizer: Tokenizer, count: int):
    rows = []
    for _ in range(count):
        read, write = example(rng, layout)
        read, write = tokenizer.encode(read).ids, tokenizer.encode(write).ids
        rows.append((read + write, [0.0] * (len(read) - 1) + [1.0] * len(write)))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(count, longest, dtype=torch.long)
    weight = torch.zeros(count, longest - 1)
    for row, (tokens, weights) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        weight[row, : len(weights)] = torch.tensor(weights)
    return ids, weight


def loss_of(model: Decoder, ids, weight):
    logits = model(ids[:, :-1]).flatten(0, 1)
    losses = F.cross_entropy(logits, ids[:, 1:].flatten(), reduction="none")
    return (losses * weight.flatten()).sum() / weight.sum()


def write(path: Path, model: Decoder, tokenizer: Tokenizer) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    head_dim = SIZE.width // SIZE.heads
    writer.add_name("tiny-transcripts")
    writer.add_license("Apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(SIZE.width)
    writer.add_block_count(SIZE.layers)
    writer.add_feed_forward_length(SIZE.inner)
    writer.add_head_count(SIZE.heads)
    writer.add_head_count_kv(SIZE.heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_vocab_size(tokenizer.get_vocab_size())
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    described = json.loads(tokenizer.to_str())["model"]
    by_id = [token for token, _ in sorted(described["vocab"].items(), key=lambda item: item[1])]
    kind = {**dict.fromkeys(CONTROL, gguf.TokenType.CONTROL), **dict.fromkeys(MARKS, gguf.TokenType.USER_DEFINED)}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(by_id)
    writer.add_token_types([kind.get(token, gguf.TokenType.NORMAL) for token in by_id])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in described["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, tensor in tensors(model):
        add_tensor(writer, name, tensor.detach().float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "tiny.gguf")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng, layout = random.Random(1), template()
    tokenizer = train_tokenizer(["".join(example(rng, layout)) for _ in range(3000)])
    model = Decoder(tokenizer.get_vocab_size(), SIZE, CONTEXT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps, pct_start=0.1)
    start = time.monotonic()
    for step in range(args.steps):
        loss = loss_of(model, *batch(rng, layout, tokenizer, args.batch))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step + 1 == args.steps:
            print(f"step {step} loss {loss.item():.4f} after {time.monotonic() - start:.0f} s", flush=True)
            write(args.out, model, tokenizer)


if __name__ == "__main__":
    main()
