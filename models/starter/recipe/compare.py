"""The table of the evaluation: models of all sizes beside templates and a linear classifier.

    python3 compare.py data.jsonl --out work

Reads what `train.py` left of these data in the folder, adds the baselines on the very same
held-out incidents, prints Markdown and writes `comparison.json`.
"""

import argparse
import json
from pathlib import Path

import baseline
import evaluate
from data import load


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("work"))
    parser.add_argument("--evaluated", type=int, default=800, help="as given to train.py")
    args = parser.parse_args()
    data = load(args.data)
    sets = evaluate.held_out(data, args.evaluated)
    contestants = {"rules in plain templates": evaluate.templates(sets), "linear classifier": baseline.linear(data.training, sets)}
    trained = {path.stem: json.loads(path.read_text()) for path in sorted(args.out.glob("*M*.json")) if not path.stem.endswith("samples")}
    trained = {name: summary for name, summary in trained.items() if summary["data_sha256"] == data.sha256}
    contestants |= {f"model {name}": summary["evaluation"] for name, summary in trained.items()}
    for part in sets:
        print(f"\n{part}\n")
        print(evaluate.table({name: report[part]["all"] for name, report in contestants.items()}))
    print("\nright choice by what was done to the incident, unseen recipes\n")
    variants = sorted(contestants["linear classifier"]["unseen recipes"]["variants"])
    print("| | " + " | ".join(variants) + " |\n|---|" + "---|" * len(variants))
    for name, report in contestants.items():
        parts = report["unseen recipes"]["variants"]
        print(f"| {name} | " + " | ".join(f"{parts[variant]['choice']:.2f}" for variant in variants) + " |")
    print("\n| model | parameters | tokens | steps | minutes | loss | unseen recipes | unseen wordings |\n|---|---|---|---|---|---|---|---|")
    for name, summary in trained.items():
        figures = summary["figures"]
        print(f"| {name} | {summary['parameters'] / 1e6:.2f} M | {figures['tokens'] / 1e6:.0f} M | {figures['steps']} | {figures['minutes']} | {figures['loss']} | {figures['loss_unseen_recipes']} | {figures['loss_unseen_wordings']} |")
        for part, report in summary["evaluation"].items():
            if "mechanism" in report:
                print(f"{name}, {part}: statements of the cause {report['mechanism']}")
    (args.out / "comparison.json").write_text(json.dumps(contestants, indent=1))


if __name__ == "__main__":
    main()
