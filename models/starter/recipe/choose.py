"""Puts the weights of the chosen size beside the manifest.

    python3 choose.py work 8M [--samples 5]
"""

import argparse
import hashlib
import json
import random
import shutil
from pathlib import Path

from data import CONTEXT

HOME = Path(__file__).parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("size")
    parser.add_argument("--samples", type=int, default=5, help="unedited samples to print")
    args = parser.parse_args()
    summary = json.loads((args.work / f"{args.size}.json").read_text())
    path = HOME / "starter.gguf"
    shutil.copy(args.work / f"{args.size}.gguf", path)
    evaluation = {part: report["all"] for part, report in summary["evaluation"].items()}
    manifest = {
        "name": "anchorite-starter",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "Apache-2.0",
        "architecture": "llama",
        "parameters": summary["parameters"],
        "context_tokens": CONTEXT,
        "aliases": True,
        "recipe": {key: summary[key] for key in ("size", "seed", "data_sha256", "lines", "device", "threads", "batch_tokens")} | {"held_out": "models::held_out"},
        "figures": summary["figures"] | {"evaluation": evaluation},
    }
    (HOME / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    samples = json.loads((args.work / f"{args.size}.samples.json").read_text())
    unseen = samples[: evaluation["unseen recipes"]["answers"]]
    for one in random.Random(5).sample(unseen, args.samples):
        print(f"--- {one['recipe']}, {one['variant']}, right C{one['right']}\n{one['user']}\n=> {one['reply']}\n")


if __name__ == "__main__":
    main()
