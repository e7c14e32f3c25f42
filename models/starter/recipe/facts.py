"""What a prompt shows: its lines, and which claims each line of evidence bears.

Mirrors `appliance/core/src/prompt/sayable.rs`; both read the same tables.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

TABLES = json.loads((Path(__file__).parents[3] / "appliance/core/src/prompt/phrases.json").read_text())
EVIDENCE = re.compile(r"^(E\d+) (\w+) (\S+ \S+?)(?: (\d+)([mhd]) (before|after))?: (.*)$")
CANDIDATE = re.compile(r"^C(\d+) (\w+) of (\S+ \S+), (high|medium|low), for ([E0-9 ]*)(?:, against ([E0-9 ]+))?$")


def is_named(thing: str) -> bool:
    return thing.split(" ")[1].startswith("@")


def uncited(way: str) -> str:
    """A way to fill a slot without its citation."""
    return way.split(" [")[0]


@dataclass(frozen=True)
class Evidence:
    """A line of evidence."""

    id: str
    noun: str
    thing: str
    unit: str
    side: str
    body: str

    @cached_property
    def signs(self) -> list[list[str]]:
        """Ways to call each sign that the line bears."""
        low = self.body.lower()
        return [sign["say"] for sign in TABLES["signs"] if any(part in low for part in sign["any"])]

    @property
    def full(self) -> str:
        noun = TABLES["nouns"][self.noun]
        return f"{noun} {self.thing} [{self.id}]" if is_named(self.thing) else f"{noun.split(' ')[0]} [{self.id}]"

    @property
    def when(self) -> str:
        """How long before the alert a change was made, in words."""
        return TABLES["when"].get(self.unit, "") if self.noun == "change" and self.side == "before" else ""

    def slots(self, sign: str = "") -> dict[str, str]:
        """The slots that this line fills, with one way to call what it shows."""
        cite = f"[{self.id}]"
        slots = {"full": self.full, "only": cite, "by": f"by {cite}", "see": f"see {cite}"}
        if self.when:
            slots["fullwhen"] = f"{self.full} {self.when} before"
        if sign:
            slots["sign"] = f"{sign} {cite}"
            if is_named(self.thing):
                slots["signon"] = f"{sign} on {self.thing} {cite}"
            if self.when:
                slots["signwhen"] = f"{sign} {cite} {self.when} before"
        return slots

    def all_slots(self) -> dict[str, set[str]]:
        """Every way to fill each slot."""
        ways = [self.slots(), *(self.slots(say) for sign in self.signs for say in sign)]
        return {name: {way[name] for way in ways if name in way} for name in set().union(*ways)}

    @cached_property
    def said(self) -> set[str]:
        """All that can be said of the line, without its citation."""
        return {uncited(way) for ways in self.all_slots().values() for way in ways}


@dataclass(frozen=True)
class Candidate:
    """A candidate cause."""

    number: int
    cause: str
    thing: str
    confidence: str
    because: list[str]
    against: list[str]


@dataclass
class Facts:
    """All that a prompt shows."""

    subject: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    ruled_out: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    step: str = ""
    fix: str = ""
    checks: int = 0
    actions: int = 0

    def known(self, ids: list[str]) -> list[Evidence]:
        return [self.evidence[id] for id in ids if id in self.evidence]


def longest_prefix(table: dict[str, str], text: str) -> str:
    command = text[text.index("kubectl ") :] if "kubectl " in text else ""
    known = [prefix for prefix in table if command.startswith(prefix)]
    return table[max(known, key=len)] if known else ""


def read(prompt: str) -> Facts:
    """The facts of a prompt as `Prompt::write` words it."""
    facts = Facts()
    for line in prompt.split("\n"):
        if line.startswith("alert "):
            facts.subject = line.rsplit(" about ", 1)[-1]
        elif match := CANDIDATE.match(line):
            number, cause, thing, confidence, because, against = match.groups()
            facts.candidates.append(Candidate(int(number), cause, thing, confidence, because.split(), (against or "").split()))
        elif line.startswith("ruled out "):
            facts.ruled_out += line.rsplit(" by ", 1)[-1].split()
        elif line.startswith("missing "):
            source = re.split("[: ]", line[8:])[0]
            facts.gaps += [source] if source in TABLES["gaps"] and source not in facts.gaps else []
        elif match := EVIDENCE.match(line):
            id, noun, thing, _, unit, side, body = match.groups()
            facts.evidence[id] = Evidence(id, noun, thing, unit or "", side or "", body)
        elif re.match(r"N\d+ ", line):
            facts.checks += 1
            facts.step = facts.step or longest_prefix(TABLES["steps"], line)
        elif re.match(r"A\d+ ", line):
            facts.actions += 1
            facts.fix = facts.fix or longest_prefix(TABLES["fixes"], line)
    facts.ruled_out = [id for id in dict.fromkeys(facts.ruled_out) if id in facts.evidence]
    return facts
