"""The figures of README's first screen: `nelloc bench` on the Kodak photographs, in processor time, one thread.

    python benchmarks/kodak.py --data ../shared/data
    python scripts/write_readme.py

Writes benchmarks/results/kodak.json. The program flif must be on PATH. nelloc is measured without the rule of PhotoCD's
colours, which only such images gain from. Other work on the machine does not count as time, but slows caches and shared
cores: the ratios of codecs, which take turns at each image, are better than their speeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "kodak.json"
MODELS = ("fast", "default", "high")
PEERS = ("png:9", "webp:6", "webp:9", "jpegxl:3", "jpegxl:7", "jpegxl:9", "flif:60")
# Fields of each codec, and of the whole, that are taken from `nelloc bench --json`.
COLUMNS = ("codec", "version", "images", "bytes", "bits_per_dimension", "ratio_to_png", "encode_speed", "decode_speed")
SETTINGS = ("machine", "threads", "repeat", "clock")


def kept(found: dict) -> dict:
    """The part of the results that README needs. Raises ValueError unless every codec kept every pixel."""
    bad = [row["codec"] for row in found["codecs"] if not row["ranked"]]
    if bad or found["errors"]:
        raise ValueError(f"not lossless or not measured: {bad} {found['errors']}")
    rows = [{column: row[column] for column in COLUMNS} for row in found["codecs"]]
    return {name: found[name] for name in SETTINGS} | {"codecs": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="only the first photographs")
    parser.add_argument("--out", type=Path, default=RESULT)
    args = parser.parse_args()
    command = [sys.executable, "-m", "nelloc", "bench", str(args.data / "kodak"), "--clock", "cpu", "--threads", "1"]
    command += [word for model in MODELS for word in ("--model", model)]
    command += [word for peer in PEERS for word in ("--peer", peer)]
    command += ["--no-memory", "--no-lattice", "--json", *([] if args.limit is None else ["--limit", str(args.limit)])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    args.out.write_text(json.dumps(kept(json.loads(done.stdout)), indent=1) + "\n")


if __name__ == "__main__":
    main()
