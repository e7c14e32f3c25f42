"""Which sentences the product's grammar admits: those that the prompt's lines bear.

Mirrors `appliance/core/src/prompt/sayable.rs`. Answers are judged here without
the grammar, so that what a model would say if nothing held it back is known.
"""

import re

from answers import SENTENCES
from facts import Facts, is_named, uncited


def sentences(summary: str) -> list[str]:
    return [text + "." for text in re.split(r"\.(?: |$)", summary) if text.strip()]


def slot_pattern(way: str) -> re.Pattern:
    parts = re.split(r"\{(\w+)\}", way)
    text = "".join(f"(?P<{part.lower()}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(f"^{text}$", re.IGNORECASE)


PATTERNS = {kind: [slot_pattern(way) for way in table] for kind, table in SENTENCES.items()}


def allowed(kind: str, facts: Facts, chosen, confidence: str) -> list[dict[str, set[str]]]:
    """The ways to fill the slots of a kind of sentence, where it may be said at all."""
    number = chosen.number if chosen else 0
    if kind in ("none", "seen") and number:
        return []
    if kind == "low" and not number:
        return [{}]
    if kind in ("high", "medium", "low"):
        return [{}] if number and kind == chosen.confidence and not (kind == "high" and chosen.against) else []
    if kind == "none":
        return [{}]
    if kind == "seen":
        return [slots_of(facts, [id for id, one in facts.evidence.items() if one.noun != "alert"])]
    if kind == "missing":
        return [{"gap": set(facts.gaps)}]
    if kind == "next":
        return [{"step": {facts.step}}]
    if not chosen:
        return []
    if kind in ("shows", "shows_one", "since"):
        return [slots_of(facts, chosen.because)]
    if kind == "against":
        return [slots_of(facts, chosen.against)]
    if kind == "ruled":
        return [slots_of(facts, facts.ruled_out)]
    if kind == "fix":
        return [{"fix": {facts.fix}}]
    if kind == "elsewhere":
        differ = facts.subject != chosen.thing and is_named(chosen.thing) and len(facts.subject.split()) == 2 and is_named(facts.subject)
        return [{"subject": {facts.subject}, "culprit": {chosen.thing}}] if differ else []
    others = [one for one in facts.candidates if one.thing != chosen.thing and is_named(one.thing)]
    return [slots_of(facts, one.because) | {"other": {one.thing}} for one in others]


def slots_of(facts: Facts, ids: list[str]) -> dict[str, set[str]]:
    slots: dict[str, set[str]] = {}
    for evidence in facts.known(ids):
        for name, ways in evidence.all_slots().items():
            slots.setdefault(name, set()).update(ways)
    return slots


def same(text: str, ways: set[str]) -> bool:
    return text in ways or any(text == way[:1].upper() + way[1:] for way in ways)


def apart(said: dict[str, str], facts: Facts) -> bool:
    """Whether the second of two slots names another line than the first, and says something that the first line does not."""
    second = [text for name, text in said.items() if name.endswith("2")]
    first = [text for name, text in said.items() if name.endswith("1")]
    if not second or not (cited := re.search(r"\[(E\d+)\]", first[0])):
        return True
    line = facts.evidence.get(cited[1])
    return line is not None and cited[0] not in second[0] and not same(uncited(second[0]), line.said)


def verdict(sentence: str, facts: Facts, chosen, confidence: str) -> str:
    """`holds`; `contradicts` where a sentence of the tables says what the lines deny; `unknown` where it is no such sentence."""
    known = False
    for kind, patterns in PATTERNS.items():
        for pattern in patterns:
            if not (match := pattern.match(sentence)):
                continue
            known = True
            for slots in allowed(kind, facts, chosen, confidence):
                said = match.groupdict()
                if all(same(text, slots.get(name.rstrip("0123456789"), set())) for name, text in said.items()) and apart(said, facts):
                    return "holds"
    return "contradicts" if known else "unknown"
