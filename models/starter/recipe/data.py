"""Tokens of training lines: each as the product wrote it and varied, with an answer worded anew."""

import hashlib
import json
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from answers import answer
from vary import pool_of, varied

SPECIAL = ["<|end|>", "<|user|>", "<|answer|>"]
END, USER, ANSWER = range(3)
CONTEXT = 1536
# Seeds of known recipes that are kept from training.
SEEDS_KEPT = 2
# Lines that one process words at a time: the draws depend on it, so it may not
# depend on the number of processes.
CHUNK = 64
# What the product's system message says to a small model.
INSTRUCTIONS = "explain"


def train_tokenizer(texts: list[str], size: int) -> Tokenizer:
    """Byte-level BPE in GPT-2's pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


@dataclass(frozen=True)
class Data:
    """Lines that `starter_data` wrote, on the sides of the split."""

    sha256: str
    lines: list[dict]
    # Of known recipes, under all seeds but the last `SEEDS_KEPT`.
    training: list[dict]
    # Of recipes never trained on.
    unseen: list[dict]
    # Of known recipes under seeds never trained on.
    reseeded: list[dict]


def load(path: Path) -> Data:
    """The lines of `path`; ends with a message if nothing is left to train on."""
    raw = path.read_bytes()
    lines = [json.loads(line) for line in raw.splitlines()]
    seeds = 1 + max((line["seed"] for line in lines), default=-1)
    known = [line for line in lines if not line["held_out"]]
    training = [line for line in known if line["seed"] < seeds - SEEDS_KEPT]
    if not training:
        raise SystemExit(
            f"{path} has {len(lines)} lines of {seeds} seeds: nothing is left to train on, since the last {SEEDS_KEPT} seeds "
            f"are kept from training; write at least {SEEDS_KEPT + 1} (`starter_data {path} {SEEDS_KEPT + 1}`)"
        )
    unseen = [line for line in lines if line["held_out"]]
    reseeded = [line for line in known if line["seed"] >= seeds - SEEDS_KEPT]
    return Data(hashlib.sha256(raw).hexdigest(), lines, training, unseen, reseeded)


def prompt_ids(tokenizer: Tokenizer, line: dict) -> list[int]:
    return [USER, *tokenizer.encode(f"{INSTRUCTIONS}\n{line['user']}", add_special_tokens=False).ids, ANSWER]


def worded(lines: list[dict], seed: int, ways: int, pool: list[str], held_out: bool, statement: bool) -> list[tuple[str, str]]:
    """Prompts with answers: each line as it is, then varied; worded anew every time."""
    rng, pairs = random.Random(seed), []
    for line in lines:
        for way in range(ways):
            one = varied(line, pool, rng) if way else line
            pairs.append((one["user"], answer(one, rng, held_out, statement)))
    return pairs


def answered(lines: list[dict], ways: int, seed: int, workers: int, held_out: bool = False, statement: bool = False) -> list[tuple[str, str]]:
    """`ways` prompts with answers from each line, the first as the product wrote it."""
    chunks = [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]
    pool = pool_of(lines) if ways > 1 else []
    word = partial(worded, ways=ways, pool=pool, held_out=held_out, statement=statement)
    with ProcessPoolExecutor(workers) as executor:
        return sum(executor.map(word, chunks, range(seed * 10**6, seed * 10**6 + len(chunks))), [])


class Examples:
    """Prompts and answers as tokens, in order of length."""

    def __init__(self, tokenizer: Tokenizer, pairs: list[tuple[str, str]]):
        tokens = lambda texts: [one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False)]
        users = tokens([f"{INSTRUCTIONS}\n{user}" for user, _ in pairs])
        replies = tokens([reply for _, reply in pairs])
        self.prompts = [np.array([USER, *ids, ANSWER], dtype=np.int32) for ids in users]
        self.answers = [np.array([*ids, END], dtype=np.int32) for ids in replies]
        self.order = sorted(range(len(pairs)), key=lambda index: len(self.prompts[index]))

    def batch(self, indices: list[int]):
        """Token ids and, for each, whether it is part of an answer; `[rows, tokens]`."""
        pairs = [(self.prompts[index], self.answers[index]) for index in indices]
        length = min(CONTEXT, max(len(prompt) + len(reply) for prompt, reply in pairs))
        ids, wanted = np.zeros((len(pairs), length), np.int64), np.zeros((len(pairs), length), bool)
        for row, (prompt, reply) in enumerate(pairs):
            whole = np.concatenate([prompt, reply])[:length]
            ids[row, : len(whole)] = whole
            wanted[row, len(prompt) : len(whole)] = True
        return torch.from_numpy(ids), torch.from_numpy(wanted)

    def draw(self, batch_tokens: int, rng: random.Random):
        """A batch of neighbours in length, so that little is padding."""
        centre = rng.randrange(len(self.order))
        length = len(self.prompts[self.order[centre]]) + 160
        count = min(len(self.order), max(1, batch_tokens // length))
        start = min(centre, len(self.order) - count)
        return self.batch(self.order[start : start + count])
