"""Keep JPEG files with random damage, and see that each comes back byte for byte.

    python scripts/fuzz_jpeg_files.py [--count 10000] [--seed 0]

Files of all samplings, qualities and codings are made, and bytes of them changed, removed, doubled and cut off. Of each
what `nelloc compress` makes is decoded again; it must be the same bytes, and at most 64 bytes larger. Says in the end
how many were held as coefficients and how many as they are. Exit status 1 if one was not kept.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from tqdm import tqdm

from nelloc.codec import container
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.past.jpeg_file import pack_file, unpack_file

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from jpeg_samples import made, mutated

OVERHEAD = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    files, chance = [data for _, data in made()], random.Random(arguments.seed)
    reproduced = bad = 0
    slowest = 0.0
    for number in tqdm(range(arguments.count), disable=None):
        data = mutated(files[number % len(files)], chance)
        began = time.perf_counter()
        file = pack_file(data, "file", EncodeOptions())
        packed = container.pack(file)
        back = unpack_file(container.parse(packed), "file", DecodeOptions()).data
        slowest = max(slowest, time.perf_counter() - began)
        reproduced += bool(file.records)
        if back != data or len(packed) > len(data) + OVERHEAD:
            bad += 1
            Path(f"fuzz_jpeg_{number}.jpg").write_bytes(data)
    print(
        f"{arguments.count} files: {reproduced} held as coefficients, {arguments.count - reproduced} as they are, "
        f"{bad} not kept; the slowest took {slowest:.2f} s"
    )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
