"""Scores answers on held-out incidents beside templates, rules and a linear classifier."""

import json
import random
from collections import Counter, defaultdict

from tokenizers import Tokenizer

from answers import template
from checks import sentences, verdict
from data import END, Data, prompt_ids
from facts import read
from model import Decoder

TOKENS_MAX = 320


def sample(lines: list[dict], count: int, seed: int = 7) -> list[dict]:
    """`count` lines, drawn evenly from the variants."""
    by_variant = defaultdict(list)
    for line in lines:
        by_variant[line["variant"]].append(line)
    rng = random.Random(seed)
    each = -(-count // max(1, len(by_variant)))
    return [line for part in by_variant.values() for line in rng.sample(part, min(each, len(part)))]


def held_out(data: Data, count: int) -> dict[str, list[dict]]:
    """The sets that every contestant answers, about `count` incidents each."""
    return {"unseen recipes": sample(data.unseen, count), "known recipes, unseen seeds": sample(data.reseeded, count)}


def write(model: Decoder, tokenizer: Tokenizer, lines: list[dict], batch: int) -> list[str]:
    """Greedy answers in the order of `lines`."""
    prompts = [prompt_ids(tokenizer, line) for line in lines]
    order = sorted(range(len(lines)), key=lambda index: len(prompts[index]))
    replies = [""] * len(lines)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        for index, ids in zip(rows, model.write([prompts[index] for index in rows], END, TOKENS_MAX)):
            replies[index] = tokenizer.decode(ids)
    return replies


def f1(said: set, gold: set) -> float:
    if not said and not gold:
        return 1.0
    return 2 * len(said & gold) / (len(said) + len(gold))


def score(line: dict, text: str) -> dict:
    """How one answer compares with the right one."""
    facts = read(line["user"])
    try:
        reply = json.loads(text)
        number = int(reply["cause"][1:])
        chosen = facts.candidates[number - 1] if number else None
        said = sentences(reply["summary"])
        because = set(reply["because"])
        confidence = reply["confidence"]
    except (ValueError, KeyError, IndexError, TypeError):
        return {"valid": False, "right": False, "f1": 0.0, "confidence": "", "confidence_right": False, "sentences": 0, "kept": 0, "contradicted": 0}
    gold = set(line["gold"]) if line["right"] else set()
    verdicts = [verdict(text, facts, chosen, confidence) for text in said]
    return {
        "valid": True,
        "right": number == line["right"],
        "f1": f1(because, gold),
        "confidence": confidence,
        "confidence_right": confidence == (line["confidence"] if line["right"] else "low"),
        "sentences": len(said),
        "kept": verdicts.count("holds"),
        "contradicted": verdicts.count("contradicts"),
        "said": said,
    }


def summed(scores: list[dict]) -> dict:
    """Shares over all answers; calibration by the confidence word."""
    count = max(1, len(scores))
    said = max(1, sum(score["sentences"] for score in scores))
    words = {}
    for word in ("high", "medium", "low"):
        of_word = [score["right"] for score in scores if score["confidence"] == word]
        if of_word:
            words[word] = [sum(of_word), len(of_word)]
    mean = lambda key: round(sum(score[key] for score in scores) / count, 4)
    return {
        "answers": len(scores),
        "valid": mean("valid"),
        "choice": mean("right"),
        "evidence_f1": mean("f1"),
        "confidence": mean("confidence_right"),
        "calibration": words,
        "sentences_kept": round(sum(score["kept"] for score in scores) / said, 4),
        "contradictions": round(sum(score["contradicted"] for score in scores) / said, 4),
        "wordings": len({sentence for score in scores for sentence in map(skeleton, score.get("said", []))}),
    }


def skeleton(sentence: str) -> str:
    """The sentence without names and citations, to count how varied they are."""
    return " ".join(word for word in sentence.split() if "@" not in word and "[" not in word)


def by_variant(lines: list[dict], scores: list[dict]) -> dict:
    parts = defaultdict(list)
    for line, one in zip(lines, scores):
        parts[line["variant"]].append(one)
    return {variant: summed(part) for variant, part in sorted(parts.items())}


def mechanism(lines: list[dict], replies: list[str], known: list[dict]) -> dict:
    """Of the answers that begin with a statement of the cause: how many are the rules' own, but for figures and names."""
    plain = lambda text: " ".join("#" if any(c.isdigit() for c in word) else word.lower() for word in text.split())
    others = {plain(line["statement"]) for line in known if line["statement"]}
    counts = Counter()
    for line, text in zip(lines, replies):
        if line["right"] and line["statement"]:
            said = plain(text.split('"summary":"', 1)[-1])
            wanted = plain(line["statement"])
            wrong = any(said.startswith(other) for other in others if other != wanted)
            counts["right" if said.startswith(wanted) else "of another cause" if wrong else "neither"] += 1
    return dict(counts)


def evaluate(model: Decoder, tokenizer: Tokenizer, sets: dict[str, list[dict]], batch: int) -> dict:
    report = {}
    for name, lines in sets.items():
        replies = write(model, tokenizer, lines, batch)
        scores = [score(line, text) for line, text in zip(lines, replies)]
        report[name] = {"all": summed(scores), "variants": by_variant(lines, scores), "replies": replies}
    return report


def templates(sets: dict[str, list[dict]]) -> dict:
    """The rules' first candidate in plain templates."""
    report = {}
    for name, lines in sets.items():
        scores = [score(line, template(line)) for line in lines]
        report[name] = {"all": summed(scores), "variants": by_variant(lines, scores)}
    return report


def table(rows: dict[str, dict]) -> str:
    """One row per contestant, as Markdown."""
    out = ["| | answers | right choice | evidence F1 | confidence word | high right | medium right | low right | sentences kept | contradictions |", "|---|" + "---|" * 9]
    for name, row in rows.items():
        share = lambda word: "/".join(map(str, row["calibration"].get(word, ["–"])))
        out.append(f"| {name} | {row['answers']} | {row['choice']:.3f} | {row['evidence_f1']:.3f} | {row['confidence']:.3f} | {share('high')} | {share('medium')} | {share('low')} | {row['sentences_kept']:.3f} | {row['contradictions']:.3f} |")
    return "\n".join(out)
