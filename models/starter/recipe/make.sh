#!/usr/bin/env bash
# Makes the starter model from nothing: data, weights of every size, evaluation.
#
#   models/starter/recipe/make.sh WORK [SEEDS] [MTOKENS]
#
# SEEDS   of each scenario recipe, 8 where not given and 3 at least: the last two are kept from training
# MTOKENS millions of tokens that each size is trained on; where not given, the size decides on a GPU, 15 on a processor
#
# Needs cargo and a Python with requirements.txt installed. From the environment:
#   PYTHON      the Python (python3)
#   GENERATOR   a built `starter_data`, instead of building it here
#   ONE_IN      takes every so many recipes only (1), to try it out
#   SIZES       sizes to train (GPU: 1M 3M 8M 15M, side by side; processor: 1M 3M, one after the other)
#   THREADS     threads of a processor (all cores); weights depend on it
#   WORKERS     processes that word answers (4); weights do not depend on it
#   EVALUATED   held-out incidents that are answered (800)
#   MINUTES_MAX of one size's training (300): a limit, said if it was reached
#
# `choose.py WORK SIZE` then puts the chosen size beside the manifest.
set -euo pipefail
fail() { echo "make.sh: $1" >&2; exit 2; }

[ $# -ge 1 ] && [ $# -le 3 ] || fail "usage: make.sh WORK [SEEDS] [MTOKENS]"
work=$(realpath -m "$1") seeds=${2:-8} mtokens=${3:-} python=${PYTHON:-python3}
recipe=$(dirname "$(realpath "$0")")
[[ $seeds =~ ^[0-9]+$ ]] && [ "$seeds" -ge 3 ] ||
  fail "SEEDS is '$seeds': the last two seeds of each recipe are kept from training, so give 3 or more"
one_in=${ONE_IN:-1}
[[ $one_in =~ ^[1-9][0-9]*$ ]] || fail "ONE_IN is '$one_in': give 1 for all recipes, or a larger whole number"
[[ $mtokens =~ ^([0-9]+(\.[0-9]+)?)?$ ]] || fail "MTOKENS is '$mtokens': give a number of millions of tokens"
"$python" -c 'import gguf, numpy, sklearn, tokenizers, torch' ||
  fail "$python lacks a module: install $recipe/requirements.txt, or say with PYTHON where it is installed"
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  device=cuda sizes=${SIZES:-1M 3M 8M 15M}
else
  device=cpu sizes=${SIZES:-1M 3M} mtokens=${mtokens:-15}
  # Threads that wait give their core away: on a machine that is not idle, spinning costs minutes a step.
  export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE} GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-0}
fi
for size in $sizes; do
  (cd "$recipe" && "$python" -c 'import sys; from model import SIZES; sys.exit(sys.argv[1] not in SIZES)' "$size") ||
    fail "SIZES holds '$size', which model.py does not know"
done

mkdir -p "$work"
data=$work/data-$seeds$([ "$one_in" = 1 ] || echo "-one-in-$one_in").jsonl
if [ -f "$data" ]; then
  echo "using the data that is there: $data"
else
  generator=${GENERATOR:-}
  if [ -z "$generator" ]; then
    root=$(realpath "$recipe/../../..")
    (cd "$root" && cargo build --locked --release -p appliance-collect --example starter_data)
    generator=${CARGO_TARGET_DIR:-$root/target}/release/examples/starter_data
  fi
  # Written beside and moved, so that half a file is never taken for a whole one.
  "$generator" "$data.part" "$seeds" "$one_in"
  mv "$data.part" "$data"
fi

cd "$recipe"
evaluated=${EVALUATED:-800}
train() {
  "$python" train.py "$data" --out "$work" --size "$1" --workers "${WORKERS:-4}" --evaluated "$evaluated" \
    --minutes-max "${MINUTES_MAX:-300}" ${mtokens:+--tokens "$mtokens"} ${THREADS:+--threads "$THREADS"} 2>&1 | tee "$work/train-$1.log"
}
if [ "$device" = cuda ]; then
  running=()
  for size in $sizes; do
    train "$size" &
    running+=($!)
  done
  failed=0
  for one in "${running[@]}"; do wait "$one" || failed=1; done
  [ "$failed" = 0 ] || fail "a size was not trained: see $work/train-*.log"
else
  for size in $sizes; do train "$size"; done
fi
"$python" compare.py "$data" --out "$work" --evaluated "$evaluated" | tee "$work/comparison.md"
sha256sum "$data" "$work"/*.gguf
