"""From a line of training data to the answer an engineer would give.

A line is what `cargo run -p anchorite --example starter_data` writes: the
prompt as the product writes it, and what the rules and the scenario know.
"""

import json
import random
import re

import phrases


def words(identifier: str) -> str:
    """`OomOwnLimit` -> `oom own limit`, for causes without a phrase."""
    return " ".join(re.findall(r"[A-Z][a-z]*", identifier)).lower()


def cite(ids: list[str], rng: random.Random, most: int = 2) -> str:
    chosen = ids[: rng.randint(1, most)]
    return " ".join(f"[{i}]" for i in chosen)


def sentence(text: str) -> str:
    text = text[0].upper() + text[1:] if not text.startswith("@") else text
    return text if text.endswith(".") else text + "."


def answer(line: dict, rng: random.Random, held_out: bool = False) -> str:
    """The compact JSON answer to `line`; `held_out` uses the wordings kept from training."""
    right = line["right"]
    candidates = line["candidates"]
    if right == 0:
        parts = [rng.choice(phrases.NO_CAUSE), rng.choice(phrases.NO_CAUSE_THEN)]
        because, confidence = [], "low"
    else:
        stated = candidates[right - 1]
        ways = phrases.CAUSES.get(stated["cause"], [f"the evidence for {{o}} points to {words(stated['cause'])}"])
        # The last way of saying a cause is never trained on where there are three.
        ways = ways[-1:] if held_out else (ways[:-1] if len(ways) > 2 else ways)
        said = rng.choice(ways).format(o=f"{stated['kind']} {stated['alias']}")
        because, confidence = stated["because"], stated["confidence"]
        parts = [sentence(f"{said} {cite(because, rng)}" if because else said)]
        parts += context(line, stated, rng)
    reply = {
        "cause": f"C{right}",
        "because": because[:6],
        "against": candidates[right - 1]["against"][:6] if right else [],
        "confidence": confidence,
        "summary": " ".join(parts),
        "next_check": "N1" if line["checks"] else "N0",
        "action": "A1" if line["actions"] and right and confidence != "low" else "A0",
    }
    return json.dumps(reply, separators=(",", ":"))


def context(line: dict, stated: dict, rng: random.Random) -> list[str]:
    """One to three sentences after the first."""
    parts = []
    if line["change"]:
        change = line["change"]
        text = rng.choice(phrases.CHANGED)
        parts.append(sentence(text.format(c=f"{change['kind']} {change['alias']}", e=f"[{change['evidence']}]")))
    if line["ruled_out"] and rng.random() < 0.5:
        parts.append(rng.choice(phrases.RULED_OUT).format(e=f"[{line['ruled_out'][0]}]"))
    elif line["symptoms"] and rng.random() < 0.5:
        parts.append(rng.choice(phrases.SYMPTOMS))
    if line["missing"] and stated["confidence"] != "high":
        parts.append(rng.choice(phrases.MISSING))
    elif len(parts) < 2:
        parts.append(rng.choice(phrases.SURE[stated["confidence"]]))
    return parts[:3]
