"""The same incident as another might have been written: other evidence, in another order.

What is held out has evidence in other combinations. A model that has seen each
recipe in a few settings only learns them by heart; these variations make it
read. Ids and aliases are numbered as the product numbers them: by what cites
them first.
"""

import random
import re

from facts import EVIDENCE, read

# Foreign lines carry a mark behind their aliases until they are numbered anew.
ALIAS = re.compile(r"@([WPSNQVOHI])(\d+(?:x\d+)?)")
ALIASES_MAX = 9
# How often cited evidence is exchanged for that of another incident, and which incidents bear that.
EXCHANGED = 0.3
READABLE = ("plain", "renamed", "hostile lines", "distractors", "without events", "without logs", "without metrics")
# Lines whose ids are the prompt's own; bodies of evidence are quoted text.
CITING = re.compile(r"^(C\d+ .*, for .*|ruled out .* by .*)$")
ID = re.compile(r"\bE\d+\b")


def varied(line: dict, pool: list[str], rng: random.Random) -> dict:
    """`line` with its evidence in another order, sometimes with lines of `pool` in place of cited ones."""
    rows = line["user"].split("\n")
    exchange = line["right"] == 1 and line["variant"] in READABLE and rng.random() < EXCHANGED
    for index, row in enumerate(rows):
        if EVIDENCE.match(row) and not row.startswith("E1 ") and exchange and rng.random() < 0.5:
            foreign = ALIAS.sub(lambda one: f"{one[0]}x{index}", rng.choice(pool))
            rows[index] = f"{row.split(' ', 1)[0]} {foreign}"
    return numbered(line | {"user": "\n".join(rows)}, rng)


def numbered(line: dict, rng: random.Random | None = None) -> dict:
    """`line` in the product's numbering; what one candidate cites in a drawn order."""
    facts = read(line["user"])
    order = [id for id, one in facts.evidence.items() if one.noun == "alert"]
    for candidate in facts.candidates:
        cited = [*candidate.because, *candidate.against]
        order += rng.sample(cited, len(cited)) if rng else cited
    order += list(facts.evidence)
    new = {old: f"E{place}" for place, old in enumerate(dict.fromkeys(order), 1)}
    out, evidence = [], []
    for row in line["user"].split("\n"):
        if EVIDENCE.match(row):
            id, rest = row.split(" ", 1)
            evidence.append((place_of(new[id]), f"{new[id]} {rest}"))
            if len(evidence) == len(facts.evidence):
                out += [row for _, row in sorted(evidence)]
        elif CITING.match(row):
            mark = ", for " if row[0] == "C" else " by "
            head, _, tail = row.rpartition(mark)
            out.append(head + mark + in_order(ID.sub(lambda one: new.get(one[0], one[0]), tail)))
        else:
            out.append(row)
    moved = lambda given: sorted((new[id] for id in given if id in new), key=place_of)
    return realiased(line | {"user": "\n".join(out), "gold": moved(line["gold"]), "against": moved(line["against"])})


def place_of(id: str) -> int:
    return int(id[1:])


def in_order(tail: str) -> str:
    """Ids in rising order, on either side of what speaks against."""
    parts = tail.split(", against ")
    return ", against ".join(" ".join(sorted(part.split(), key=place_of)) for part in parts)


def realiased(line: dict) -> dict:
    """Aliases of each class numbered as they come: candidates, subject, evidence."""
    facts = read(line["user"])
    things = [one.thing for one in facts.candidates] + [facts.subject] + [one.thing for one in facts.evidence.values()]
    new: dict[tuple, str] = {}
    counts: dict[str, int] = {}
    for text in [*things, line["user"]]:
        for letter, number in ALIAS.findall(text):
            if (letter, number) not in new:
                counts[letter] = min(ALIASES_MAX, counts.get(letter, 0) + 1)
                new[letter, number] = f"@{letter}{counts[letter]}"
    change = lambda text: ALIAS.sub(lambda one: new.get(one.groups(), one[0]), text)
    return line | {"user": change(line["user"]), "statement": change(line["statement"])}


def pool_of(lines: list[dict]) -> list[str]:
    """Evidence of many incidents without its ids."""
    rows = (row for line in lines for row in line["user"].split("\n"))
    return sorted({row.split(" ", 1)[1] for row in rows if EVIDENCE.match(row) and not row.startswith("E1 ")})
