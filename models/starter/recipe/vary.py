"""The same incident as another might have been written: other numbers, other order, other evidence.

What is held out has evidence, numbers and aliases in other combinations. A
model that has seen each recipe in a few settings only learns them by heart;
these variations make it read.
"""

import random
import re

from facts import EVIDENCE

ALIAS = re.compile(r"@([WPSNQVO])(\d)\b")
# How often cited evidence is exchanged for that of another incident.
EXCHANGED = 0.35
# Lines whose ids are the prompt's own; bodies of evidence are quoted text.
CITING = re.compile(r"^(C\d+ .*, for .*|ruled out .* by .*)$")
ID = re.compile(r"\bE(\d+)\b")


def varied(line: dict, pool: list[str], rng: random.Random) -> dict:
    """`line` under other ids, aliases and order; sometimes with evidence lines of `pool` in place of cited ones."""
    rows = line["user"].split("\n")
    ids = [row.split(" ", 1)[0] for row in rows if EVIDENCE.match(row)]
    if len(ids) < 2:
        return line
    # The alert stays first, as the product numbers it.
    numbers = sorted(rng.sample(range(2, len(ids) + 1 + rng.randrange(4)), len(ids) - 1))
    rng.shuffle(numbers)
    new = dict(zip(ids, ["E1", *(f"E{number}" for number in numbers)]))
    exchange = line["right"] > 0 and rng.random() < EXCHANGED
    out, evidence = [], []
    for row in rows:
        if EVIDENCE.match(row):
            id, rest = row.split(" ", 1)
            if exchange and id != "E1" and rng.random() < 0.5:
                rest = rng.choice(pool)
            evidence.append((int(new[id][1:]), f"{new[id]} {rest}"))
            if len(evidence) == len(ids):
                out += [row for _, row in sorted(evidence)]
        elif CITING.match(row):
            head, mark, tail = row.rpartition(", for ") if row[0] == "C" else row.rpartition(" by ")
            out.append(head + mark + ID.sub(lambda one: new.get(one[0], one[0]), tail))
        else:
            out.append(row)
    moved = lambda given: sorted((new[id] for id in given if id in new), key=lambda id: int(id[1:]))
    return realiased(line | {"user": "\n".join(out), "gold": moved(line["gold"]), "against": moved(line["against"])}, rng)


def realiased(line: dict, rng: random.Random) -> dict:
    """Aliases of each class change their numbers."""
    classes: dict[str, set[str]] = {}
    for letter, number in ALIAS.findall(line["user"]):
        classes.setdefault(letter, set()).add(number)
    new = {}
    for letter, numbers in classes.items():
        drawn = rng.sample("123456789", len(numbers))
        new |= {(letter, number): f"@{letter}{other}" for number, other in zip(sorted(numbers), drawn)}
    change = lambda text: ALIAS.sub(lambda one: new.get(one.groups(), one[0]), text)
    return line | {"user": change(line["user"]), "statement": change(line["statement"])}


def pool_of(lines: list[dict]) -> list[str]:
    """Evidence of many incidents without its ids."""
    rows = (row for line in lines for row in line["user"].split("\n"))
    return sorted({row.split(" ", 1)[1] for row in rows if EVIDENCE.match(row) and not row.startswith("E1 ")})
