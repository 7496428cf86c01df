#!/usr/bin/env bash
# Build the page: web/dist/, to be put on a file server, and web/dist/nelloc.html, which is all of it in one file.
#
#   web/build.sh [FOLDER]
#
# It needs Debian's clang, lld, wasi-libc and libclang-rt-dev-wasm32, Python, and the sources that web/fetch.sh fetches.
# NELLOC_WEB_MODELS names the models that are built in; others can be dropped on the page as files.
set -euo pipefail
web=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$web")
dist=${1:-$web/dist}
sources=${NELLOC_SOURCES:-$web/sources}
models=${NELLOC_WEB_MODELS:-fast default high fast-gray default-gray high-gray}
objects=$dist/objects
"$web/fetch.sh" "$sources"
mkdir -p "$objects"

compile=(clang --target=wasm32-wasi -O3 -std=c11 -msimd128 -mnontrapping-fptoint -fvisibility=hidden -ffunction-sections -fdata-sections -DNDEBUG)
. "$web/libraries.sh"
# It asks for signals, which there are none of.
LZMA_FLAGS=(-D_WASI_EMULATED_SIGNAL -Dsigset_t=int "-Dsigprocmask(how,set,old)=0")
build_libraries "$sources" "$objects" "${compile[@]}"

cc -std=c11 -O1 "$root/native/lib/embed.c" "$root/native/lib/sha256.c" -o "$objects/embed"
files=()
for model in $models; do files+=("$root/weights/$model.nlm"); done
"$objects/embed" "$objects/shipped_models.c" "${files[@]}"

counted="-Dmalloc=nlc_core_malloc -Dcalloc=nlc_core_calloc -Dfree=nlc_core_free"
# Where the time is not spent, code is small.
cold="adaptive_record cpu jpeg_bytes jpeg_coefficients jpeg_read jpeg_write lattice levels model plain"
cold="$cold past_chroma past_cut past_solve past_tables past_waves"
for file in "$root"/native/src/*.c "$root"/native/src/level/{plain,wasm}.c; do
    name=$(basename "$file" .c)
    case " $cold " in *" $name "*) size=-Os ;; *) size=-O3 ;; esac
    "${compile[@]}" $size $counted -c "$file" -o "$objects/core_$name.o"
done
for file in "$root"/native/lib/*.c "$objects/shipped_models.c" "$root"/native/tools/{bytes,images,metadata}.c "$web/wasm.c"; do
    [ "$(basename "$file")" = embed.c ] ||
        "${compile[@]}" -Os -DNELLOC_STATIC $LIBRARY_FLAGS -I"$root/native/lib" -c "$file" -o "$objects/lib_$(basename "$file" .c).o"
done
clang --target=wasm32-wasi -nostartfiles -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-all -Wl,-z,stack-size=1048576 \
    -Wl,--initial-memory=16777216 -Wl,--max-memory=4294967296 "$objects"/{core,lib,z,l}_*.o -o "$dist/nelloc.wasm"

cp "$web"/{index.html,page.css,page.js,nelloc.js,nelloc.d.ts,nelloc-worker.js} "$dist/"
python3 "$web/bundle.py" "$dist"
