#!/usr/bin/env bash
# Makes the starter model from nothing: data, weights of every size, evaluation.
#
#   models/starter/recipe/make.sh WORK [SEEDS] [MINUTES]
#
# Needs cargo and a Python with requirements.txt installed (PYTHON says which).
# With a GPU the sizes are trained side by side, MINUTES each, and one more that
# learns to state the cause as well; without one the small sizes take turns, and
# want an hour each on two cores. `choose.py WORK SIZE` then puts the chosen
# size beside the manifest.
set -euo pipefail
work=$(realpath -m "${1:?usage: make.sh WORK [SEEDS] [MINUTES]}")
seeds=${2:-8} minutes=${3:-5.45} python=${PYTHON:-python3}
recipe=$(dirname "$(realpath "$0")")
mkdir -p "$work"
if [ ! -f "$work/data.jsonl" ]; then
  if [ -n "${GENERATOR:-}" ]; then
    "$GENERATOR" "$work/data.jsonl" "$seeds"
  else
    (cd "$recipe/../../.." && cargo run --release -p appliance-collect --example starter_data -- "$work/data.jsonl" "$seeds")
  fi
fi
cd "$recipe"
train() { "$python" train.py "$work/data.jsonl" --out "$work" --minutes "$minutes" --workers "${WORKERS:-4}" "$@" 2>&1 | tee "$work/train-$2${3:-}.log"; }
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  for size in ${SIZES:-1M 3M 8M 15M}; do train --size "$size" & done
  train --size 8M --statement &
  wait
else
  for size in ${SIZES:-1M 3M}; do train --size "$size" --batch-tokens 4096; done
fi
"$python" compare.py "$work/data.jsonl" --out "$work" | tee "$work/comparison.md"
