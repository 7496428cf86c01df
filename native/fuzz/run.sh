#!/usr/bin/env bash
# Build every harness with libFuzzer, AddressSanitizer and UBSan, and run each for a number of inputs:
#
#   native/fuzz/run.sh [RUNS [FOLDER [HARNESS...]]]
#
# RUNS is 1,000,000 if it is not given; FOLDER, a new one if it is not given, gets programs, what is found, and logs;
# HARNESS, all if none is given, is the name of a file without .c. fuzz_file needs zlib and liblzma, and has the models of the
# golden files built in. The corpus of the repository is where they begin, and stays as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
native=$(dirname "$here")
runs=${1:-1000000}
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
shift $(($# < 2 ? $# : 2))
harnesses=("$@")
[ $# -gt 0 ] || for harness in "$here"/fuzz_*.c; do harnesses+=("$(basename "$harness" .c)"); done
# Tracing comparisons takes longer than what they decide.
compile=(clang -std=c11 -O2 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
    -fno-sanitize-coverage=trace-cmp)
# To clear 4 MB takes longer than to code a few blocks.
fewer=(-DNLC_MIX_SLOT_BITS=12)

# Compile sources to objects in a folder: objects FOLDER FLAGS... -- SOURCES...
objects() {
    local made=$1 flags=() file
    shift
    while [ "$1" != -- ]; do flags+=("$1"); shift; done
    shift
    mkdir -p "$made"
    for file in "$@"; do "${compile[@]}" ${flags[@]+"${flags[@]}"} -c "$file" -o "$made/$(basename "$file" .c).o"; done
}

for name in "${harnesses[@]}"; do
    libraries=()
    if [ "$name" = fuzz_file ]; then
        cc -std=c11 "$native/lib/embed.c" "$native/lib/sha256.c" -o "$folder/embed"
        "$folder/embed" "$folder/shipped_models.c" "$native"/../tests/golden/model*.nlm
        counted=(-Dmalloc=nlc_core_malloc -Dcalloc=nlc_core_calloc -Dfree=nlc_core_free)
        objects "$folder/counted" "${counted[@]}" -- "$native"/src/*.c
        # UBSan watches the arithmetic of pixels in fuzz_tiles; here it would take as long as all the rest.
        objects "$folder/counted" "${counted[@]}" -fno-sanitize=undefined -- "$native"/src/level/*.c "$native"/src/deep.c
        sources=("$folder/shipped_models.c")
        for file in "$native"/lib/*.c; do [ "$(basename "$file")" = embed.c ] || sources+=("$file"); done
        objects "$folder/decoder" "-I$native/lib" -- "${sources[@]}"
        linked=("$folder"/counted/*.o "$folder"/decoder/*.o)
        libraries=(-lz -llzma)
    else
        [ -d "$folder/core" ] || objects "$folder/core" "${fewer[@]}" -- "$native"/src/*.c "$native"/src/level/*.c
        linked=("$folder"/core/*.o)
    fi
    "${compile[@]}" -fsanitize=fuzzer "$here/$name.c" "${linked[@]}" ${libraries[@]+"${libraries[@]}"} -lm -o "$folder/$name"
    mkdir -p "$folder/found/$name"
    echo "== $name, $runs runs"
    "$folder/$name" -runs="$runs" -entropic=0 -len_control=0 -max_len=4096 -timeout=60 -artifact_prefix="$folder/" \
        "$folder/found/$name" "$here/corpus/${name#fuzz_}" > "$folder/$name.log" 2>&1 || { tail -n 60 "$folder/$name.log"; exit 1; }
    tail -n 1 "$folder/$name.log"
done
