"""From a line of training data to the answer wanted of the model.

A line is what `cargo run -p anchorite --example starter_data` writes: the
prompt as the product writes it, and what the rules and the scenario know.
"""

import json
import random

import phrases


def way(ways: list[str], rng: random.Random, held_out: bool) -> str:
    """One way of saying it; the last one is kept from training."""
    return ways[-1] if held_out else rng.choice(ways[:-1])


def sentence(text: str) -> str:
    text = text[0].upper() + text[1:] if not text.startswith("@") else text
    return text if text.endswith(".") else text + "."


def answer(line: dict, rng: random.Random, held_out: bool = False) -> str:
    """The compact JSON answer to `line`; `held_out` uses the wordings kept from training."""
    right = line["right"]
    candidates = line["candidates"]
    if right == 0:
        parts = [way(phrases.NO_CAUSE_THEN, rng, held_out)]
        because, confidence = [], "low"
    else:
        stated = candidates[right - 1]
        because, confidence = stated["because"], stated["confidence"]
        parts = context(line, stated, rng, held_out)
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


def context(line: dict, stated: dict, rng: random.Random, held_out: bool) -> list[str]:
    """One to three sentences beside the cause, which the program states itself."""
    parts = []
    if line["change"]:
        change = line["change"]
        text = way(phrases.CHANGED, rng, held_out)
        parts.append(sentence(text.format(c=f"{change['kind']} {change['alias']}", e=f"[{change['evidence']}]")))
    if line["ruled_out"]:
        parts.append(way(phrases.RULED_OUT, rng, held_out).format(e=f"[{line['ruled_out'][0]}]"))
    elif line["symptoms"]:
        parts.append(way(phrases.SYMPTOMS, rng, held_out))
    if line["missing"] and stated["confidence"] != "high":
        parts.append(way(phrases.MISSING, rng, held_out))
    elif len(parts) < 2:
        parts.append(way(phrases.SURE[stated["confidence"]], rng, held_out))
    return parts[:3]
