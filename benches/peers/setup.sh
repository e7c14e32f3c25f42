#!/usr/bin/env bash
# Makes a virtual environment with llama.cpp built for this machine, its server, and what makes the models.
#
#   benches/peers/setup.sh VENV
set -euo pipefail
venv=${1:?usage: setup.sh VENV}
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet gguf numpy
# From source and for this processor: the wheels are for any.
CMAKE_ARGS="-DGGML_NATIVE=ON -DGGML_OPENMP=ON" "$venv/bin/pip" install --no-binary llama-cpp-python "llama-cpp-python[server]==0.3.36"
"$venv/bin/python" -c 'import llama_cpp; print("llama-cpp-python", llama_cpp.__version__)'
