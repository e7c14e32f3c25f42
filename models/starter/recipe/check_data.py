"""Holds the wanted answers of the training data to the evaluation's own checks.

    python3 check_data.py data.jsonl

Every sentence must hold and none contradict, in the wordings that are trained
on and in those held out; prints how many of each variant there are.
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

from answers import answer, template
from evaluate import sample, score, summed, table


def main():
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_bytes().splitlines()]
    print(Counter(line["variant"] for line in lines), Counter(line["right"] for line in lines))
    chosen, rng = sample(lines, 1600), random.Random(1)
    rows = {
        "wanted, trained wordings": [score(line, answer(line, rng)) for line in chosen],
        "wanted, held-out wordings": [score(line, answer(line, rng, True)) for line in chosen],
        "plain templates": [score(line, template(line)) for line in chosen],
    }
    print(table({name: summed(scores) for name, scores in rows.items()}))
    for line, one in zip(chosen, rows["wanted, trained wordings"]):
        if one["kept"] < one["sentences"] or one["contradicted"]:
            print("does not hold:", line["recipe"], line["variant"], one["said"])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
