#!/usr/bin/env bash
# Makes a virtual environment with llama.cpp built for this machine, both of its servers, and what makes the models.
#
#   benches/peers/setup.sh VENV
#
# No package carries llama.cpp's own server, but the source of llama-cpp-python does: the server is built of that, so that
# both are of one version.
set -euo pipefail
venv=${1:?usage: setup.sh VENV}
version=0.3.36
python3 -m venv "$venv"
venv=$(cd "$venv" && pwd)
"$venv/bin/pip" install --quiet gguf numpy
# From source and for this processor: the wheels are for any.
CMAKE_ARGS="-DGGML_NATIVE=ON -DGGML_OPENMP=ON" "$venv/bin/pip" install --no-binary llama-cpp-python "llama-cpp-python[server]==$version"
"$venv/bin/python" -c 'import llama_cpp; print("llama-cpp-python", llama_cpp.__version__)'
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
"$venv/bin/pip" download --quiet --no-deps --no-binary llama-cpp-python --dest "$source" "llama-cpp-python==$version"
tar xzf "$source"/llama_cpp_python-*.tar.gz -C "$source"
cmake -S "$source"/llama_cpp_python-*/vendor/llama.cpp -B "$source/build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF \
  -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF
cmake --build "$source/build" --target llama-server --parallel "$(nproc)"
install "$source/build/bin/llama-server" "$venv/bin/llama-server"
"$venv/bin/llama-server" --version
