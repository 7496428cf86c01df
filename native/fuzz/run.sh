#!/usr/bin/env bash
# Build every harness with libFuzzer, AddressSanitizer and UBSan, and run each for a number of inputs:
#
#   native/fuzz/run.sh [RUNS [FOLDER]]
#
# RUNS is 1,000,000 if it is not given; FOLDER, a new one if it is not given, gets programs, what is found, and logs.
# The corpus of the repository is where they begin, and stays as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runs=${1:-1000000}
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
for harness in "$here"/fuzz_*.c; do
    name=$(basename "$harness" .c)
    # Tracing comparisons takes longer than what they decide.
    clang -std=c11 -O2 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -fno-sanitize-coverage=trace-cmp \
        "$harness" "$here"/../src/*.c "$here"/../src/level/*.c -lm -o "$folder/$name"
    mkdir -p "$folder/found/$name"
    echo "== $name, $runs runs"
    "$folder/$name" -runs="$runs" -entropic=0 -len_control=0 -max_len=4096 -timeout=20 -artifact_prefix="$folder/" "$folder/found/$name" \
        "$here/corpus/${name#fuzz_}" > "$folder/$name.log" 2>&1 || { tail -n 60 "$folder/$name.log"; exit 1; }
    tail -n 1 "$folder/$name.log"
done
