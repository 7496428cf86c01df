#!/usr/bin/env bash
# numcodecs' Blosc does not shuffle in Zarr format 3, whatever its option shuffle says, and arrays grow by a quarter or more.
#
# Shuffling, by default on, is what makes Blosc good at numbers of several bytes. zarr.codecs.numcodecs.Blosc is the codec
# of Zarr format 2 with the same options, for those who move. But in format 3 codecs after the first get bytes, not
# numbers, and a shuffle of items of one byte is none: SHUFFLE and NOSHUFFLE give the same bytes. zarr.codecs.BloscCodec
# asks for the size of the items and shuffles; numcodecs' takes it as "typesize", which its documentation for format 2
# does not need and which is 1 if not given. No warning: the data comes back as it is, so no test sees it.
#
# zarr 3.1.6, numcodecs 0.16.6, numpy 2.4.6. Output seen: bytes of 512 x 512 photon counts
#                                           uint16    uint32
#   format 2, numcodecs' Blosc, SHUFFLE       206951   162076
#   format 3, numcodecs' Blosc, SHUFFLE       258492   220514
#   format 3, numcodecs' Blosc, NOSHUFFLE     258492   220514
#   format 3, the same with typesize          206951   162076
#   format 3, BloscCodec, shuffle             206951   162076
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zarr==3.1.6 numcodecs==0.16.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'END'
import warnings

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec
from zarr.codecs.numcodecs import Blosc

warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3 specification")
random = np.random.default_rng(0)
few = random.poisson(40, (512, 512)).astype(np.uint32)
many = random.poisson(300, (512, 512)).astype(np.uint16)
options = {"cname": "zstd", "clevel": 5}


def size(array, codec, version=3):
    store = zarr.storage.MemoryStore()
    about = {"shape": array.shape, "chunks": array.shape, "dtype": array.dtype, "zarr_format": version}
    stored = zarr.create_array(store, compressors=codec, **about)
    stored[...] = array
    assert np.array_equal(zarr.open_array(store)[...], array)
    return len(store._store_dict["0.0" if version == 2 else "c/0/0"].to_bytes())


rows = {
    "format 2, numcodecs' Blosc, SHUFFLE": lambda a: size(a, numcodecs.Blosc(shuffle=numcodecs.Blosc.SHUFFLE, **options), 2),
    "format 3, numcodecs' Blosc, SHUFFLE": lambda a: size(a, Blosc(shuffle=numcodecs.Blosc.SHUFFLE, **options)),
    "format 3, numcodecs' Blosc, NOSHUFFLE": lambda a: size(a, Blosc(shuffle=numcodecs.Blosc.NOSHUFFLE, **options)),
    "format 3, the same with typesize": lambda a: size(
        a, Blosc(shuffle=numcodecs.Blosc.SHUFFLE, typesize=a.itemsize, **options)
    ),
    "format 3, BloscCodec, shuffle": lambda a: size(a, BloscCodec(shuffle="shuffle", **options)),
}
found = {name: [of(array) for array in (many, few)] for name, of in rows.items()}
for name, sizes in found.items():
    print(f"{name:39}", *(f"{number:8}" for number in sizes))
two, shuffled, plain, told, own = found.values()
for n in range(2):
    assert shuffled[n] == plain[n], "numcodecs' Blosc shuffles now"
    assert shuffled[n] > 1.2 * two[n]
    assert max(told[n], own[n]) < 1.02 * two[n]
END
