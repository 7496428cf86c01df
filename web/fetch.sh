#!/usr/bin/env bash
# Fetch the sources of zlib and liblzma, as Debian has them, into a folder:
#
#   web/fetch.sh [FOLDER]
#
# FOLDER is web/sources if it is not given. What is there already is kept; what differs from its checksum is refused.
set -euo pipefail
folder=${1:-$(cd "$(dirname "$0")" && pwd)/sources}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$folder"
cd "$folder"
fetch() { # path in the mirror, SHA-256, name of the folder that it unpacks to
    local file=${1##*/}
    [ -f "$file" ] || curl --fail --silent --show-error --max-time 120 -o "$file.part" "$mirror/$1"
    [ -f "$file" ] || mv "$file.part" "$file"
    echo "$2  $file" | sha256sum --check --quiet
    [ -d "$3" ] || tar -xf "$file"
}
fetch pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2 \
    71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1 zlib-1.2.13.dfsg
fetch pool/main/x/xz-utils/xz-utils_5.4.1.orig.tar.xz \
    5d9827aa1875b21c288f78864bb26d2650b436ea8d2cad364e4921eb6266a5a5 xz-5.4.1
