"""A linear classifier on words: is this candidate right?

Logistic regression over hashed words of a candidate's line and of the lines it
cites, and over pairs of a word of its cause with a word of its evidence, which
is what could carry over to causes never seen.
"""

import re

import numpy as np
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from evaluate import by_variant, f1, summed
from facts import Candidate, Facts, read


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]{3,}", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower())


def features(facts: Facts, one: Candidate) -> list[str]:
    cited = [facts.evidence[id] for id in one.because if id in facts.evidence]
    seen = set(words(" ".join(evidence.body for evidence in cited)))
    cause = words(one.cause)
    same = [f"same={one.thing == evidence.thing}" for evidence in cited[:1]]
    return [
        f"cause={one.cause}", f"place={one.number}", f"said={one.confidence}", f"count={len(one.because)}",
        *same, *(f"word={word}" for word in seen), *(f"pair={a}:{b}" for a in cause for b in seen),
        *(f"met={word}" for word in cause if word in seen),
    ]


def linear(training: list[dict], sets: dict[str, list[dict]]) -> dict:
    hasher = FeatureHasher(2**20, input_type="string")
    rows, marks = [], []
    for line in training:
        facts = read(line["user"])
        for one in facts.candidates:
            rows.append(features(facts, one))
            marks.append(one.number == line["right"])
    classifier = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=12, random_state=1)
    classifier.fit(hasher.transform(rows), np.array(marks))
    report = {}
    for name, lines in sets.items():
        scores = [judge(line, hasher, classifier) for line in lines]
        report[name] = {"all": summed(scores), "variants": by_variant(lines, scores)}
    return report


def judge(line: dict, hasher: FeatureHasher, classifier: SGDClassifier) -> dict:
    facts = read(line["user"])
    number, sure = 0, 0.5
    if facts.candidates:
        chances = classifier.predict_proba(hasher.transform([features(facts, one) for one in facts.candidates]))[:, 1]
        if chances.max() >= 0.5:
            number, sure = int(chances.argmax()) + 1, float(chances.max())
    chosen = facts.candidates[number - 1] if number else None
    gold = set(line["gold"]) if line["right"] else set()
    confidence = chosen.confidence if chosen else "low"
    return {
        "valid": True, "right": number == line["right"], "f1": f1(set(chosen.because) if chosen else set(), gold),
        "confidence": confidence, "confidence_right": confidence == (line["confidence"] if line["right"] else "low"),
        "sentences": 0, "kept": 0, "contradicted": 0,
    }
