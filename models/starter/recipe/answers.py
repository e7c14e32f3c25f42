"""From a line of training data to the answer wanted of the model.

Says only what the prompt's own lines bear: every citation stands behind its
line's kind, object or sign. Which sentences, in which words, is drawn anew for
every visit; the last fifth of each list of wordings is kept from training.
"""

import json
import random

from facts import TABLES, Evidence, Facts, is_named, read, uncited

SENTENCES = TABLES["sentences"]
# Evidence ids in an answer, as the grammar bounds them.
IDS_MAX = 6


def ways(kind: str, held_out: bool) -> list[str]:
    """The wordings of `kind` on one side of the split."""
    wordings = SENTENCES[kind]
    kept = max(1, len(wordings) // 5)
    return wordings[-kept:] if held_out else wordings[:-kept]


class Writer:
    """Words one answer."""

    def __init__(self, facts: Facts, rng: random.Random, held_out: bool, plain: bool):
        self.facts, self.rng, self.held_out, self.plain = facts, rng, held_out, plain

    def pick(self, items: list):
        return items[0] if self.plain else self.rng.choice(items)

    def say(self, kind: str, **slots: str) -> str:
        fitting = [way for way in ways(kind, self.held_out) if all(slots.get(name.lower()) for name in names(way))]
        fitting = fitting or [way for way in SENTENCES[kind] if all(slots.get(name.lower()) for name in names(way))]
        if not fitting:
            return ""
        slots |= {name.capitalize(): text[0].upper() + text[1:] for name, text in slots.items() if text}
        text = self.pick(fitting).format(**slots)
        return text[0].upper() + text[1:]

    def about(self, evidence: Evidence, number: int) -> dict[str, str]:
        """The slots that `evidence` can fill."""
        sign = self.pick(self.pick(evidence.signs)) if evidence.signs else ""
        return {f"{name}{number}": text for name, text in evidence.slots(sign).items()}

    def shows(self, ids: list[str]) -> str:
        shown = self.facts.known(ids)
        if not shown:
            return ""
        # What bears a sign says more than what does not.
        shown.sort(key=lambda evidence: (not evidence.signs, evidence.noun == "alert"))
        if len(shown) == 1:
            return self.say("shows_one", **self.about(shown[0], 1))
        first, second = shown[:2] if self.plain else self.rng.sample(shown[:4], 2)
        # Nothing bears itself out: the second says what the first does not.
        other = {name: text for name, text in self.about(second, 2).items() if uncited(text) not in first.said}
        return self.say("shows", **self.about(first, 1), **other) or self.say("shows_one", **self.about(first, 1))

    def since(self, ids: list[str]) -> str:
        changes = [one for one in self.facts.known(ids) if one.when]
        return self.say("since", **self.about(changes[0], 1)) if changes else ""

    def elsewhere(self, culprit: str) -> str:
        subject = self.facts.subject
        if not subject or subject == culprit or not is_named(culprit) or len(subject.split()) != 2 or not is_named(subject):
            return ""
        return self.say("elsewhere", subject=subject, culprit=culprit)

    def second(self, chosen) -> str:
        for other in self.facts.candidates:
            cited = self.facts.known(other.because)
            if other.thing != chosen.thing and cited and is_named(other.thing):
                return self.say("second", other=other.thing, **self.about(cited[0], 1))
        return ""

    def cited(self, kind: str, ids: list[str]) -> str:
        known = self.facts.known(ids)
        return self.say(kind, **self.about(known[0], 1)) if known else ""

    def gap(self) -> str:
        return self.say("missing", gap=self.facts.gaps[0]) if self.facts.gaps else ""

    def stated(self, chosen, gold: list[str], confidence: str) -> list[str]:
        """What shows it and since when; then what limits or follows it."""
        gold = [id for id in gold if id in chosen.because] or chosen.because
        opening = [text for text in (self.shows(gold), self.since(gold), self.elsewhere(chosen.thing)) if text]
        doubts = [self.cited("against", chosen.against)]
        if confidence != "high":
            doubts += [self.gap(), self.second(chosen)]
        doubts += [self.cited("ruled", self.facts.ruled_out), self.second(chosen)]
        doubts += [] if confidence == "high" and chosen.against else [self.say(confidence)]
        closing = [text for text in doubts if text][:1]
        if confidence != "low" and self.facts.fix and (self.plain or self.rng.random() < 0.4):
            closing = closing[:1] + [self.say("fix", fix=self.facts.fix)]
        elif confidence != "high" and self.facts.step:
            closing = closing[:1] + [self.say("next", step=self.facts.step)]
        return (opening[: 3 - min(1, len(closing))] + closing)[:3]

    def unstated(self) -> list[str]:
        seen = [one for one in self.facts.evidence.values() if one.signs and one.noun != "alert"]
        parts = [self.say("none")]
        if seen:
            parts.append(self.say("seen", **self.about(seen[0], 1)))
        parts.append(self.say("next", step=self.facts.step) if self.facts.step else self.say("low"))
        return [text for text in parts if text][:3]


def names(way: str) -> list[str]:
    return [part.split("}")[0] for part in way.split("{")[1:]]


def reply(facts: Facts, right: int, gold: list[str], confidence: str, writer: Writer, lead: str = "") -> str:
    chosen = facts.candidates[right - 1] if right else None
    summary = writer.stated(chosen, gold, confidence) if chosen else writer.unstated()
    because = gold or (chosen.because if chosen else [])
    answer = {
        "cause": f"C{right}",
        "because": [id for id in because if id in facts.evidence][:IDS_MAX],
        "against": [id for id in (chosen.against if chosen else []) if id in facts.evidence][:IDS_MAX],
        "confidence": confidence,
        "summary": " ".join([lead, *summary] if lead else summary),
        "next_check": "N1" if facts.checks else "N0",
        "action": "A1" if facts.actions and chosen and confidence != "low" else "A0",
    }
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)


def answer(line: dict, rng: random.Random, held_out: bool = False, statement: bool = False) -> str:
    """The compact JSON answer to `line`; `statement` has the rules' sentence learned as well."""
    facts = read(line["user"])
    right = line["right"]
    confidence = line["confidence"] if right else "low"
    lead = line["statement"] if statement and right else ""
    return reply(facts, right, line["gold"], confidence, Writer(facts, rng, held_out, False), lead)


def template(line: dict) -> str:
    """The plain template: the first candidate, in the first wording of each list."""
    facts = read(line["user"])
    first = facts.candidates[0] if facts.candidates else None
    writer = Writer(facts, random.Random(0), False, True)
    because = first.because if first else []
    return reply(facts, 1 if first else 0, because, first.confidence if first else "low", writer)
