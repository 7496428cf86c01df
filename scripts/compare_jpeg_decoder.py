"""Compare the decoder of JPEG coefficients with libjpeg-turbo, through Pillow, on random files.

    python scripts/compare_jpeg_decoder.py --files 5000

The files have all sizes from 1 x 1 on, qualities from 1 to 100, gray, 4:4:4, 4:2:2, 4:2:0, 4:4:0 and 4:1:1. Exit status
1, with the seeds, if a pixel differs.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, features

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from jpeg_writer import write
from past_pictures import random_picture

from nelloc.codec.past.decode import decode


def differs(seed: int, largest: int) -> bool:
    """True if a pixel of the picture of this seed is another than Pillow's."""
    image = random_picture(seed, largest)
    parts = [(one.h, one.v, one.quantisation, one.coefficients) for one in image.components]
    expected = np.asarray(Image.open(io.BytesIO(write(image.width, image.height, parts))))
    planes = expected[None] if expected.ndim == 2 else expected.transpose(2, 0, 1)
    return not np.array_equal(decode(image), planes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--largest", type=int, default=70, help="the longest side")
    args = parser.parse_args()
    wrong = [seed for seed in range(args.files) if differs(seed, args.largest)]
    print(f"{args.files - len(wrong)} of {args.files} equal; libjpeg-turbo {features.version('libjpeg_turbo')}")
    if wrong:
        print("different, by seed:", *wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
