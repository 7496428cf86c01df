#!/usr/bin/env bash
# Install what the tests need, then format check, lint, types and tests.
set -euo pipefail
cd "$(dirname "$0")/.."
# torch first and alone: its pinned CPU build keeps other packages from pulling in CUDA.
python3 -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
python3 -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
python3 -m ruff format --check .
python3 -m ruff check .
python3 -m mypy
# As many processes as cores, each with one thread for products, so that they do not wait for each other; the longest
# files first, as tests/conftest.py orders them. Tests start Python often: its bytecode is kept from one to the next.
unset PYTHONDONTWRITEBYTECODE
OMP_NUM_THREADS=1 python3 -m pytest --numprocesses auto --dist loadscope --no-loadscope-reorder --durations 25 "$@"
