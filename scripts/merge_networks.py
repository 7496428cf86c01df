r"""Combine two models side by side into one, from which a larger network is trained.

Both must have the same kind of inputs, with borders or without, and of outputs (weights/MODEL_CARD.md, high-gray):

    python scripts/merge_networks.py weights/default-gray.nlm weights/fast-gray.nlm merged.nlm
    python scripts/train_shipped.py --data ../shared/data --out runs/high-gray --init merged.nlm --thumbnails \
        --batch 8192 --matrix-rate 0.01 --learning-rate 1.5e-3 --megapixels 250
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nelloc import storage
from nelloc.errors import NellocError
from nelloc.exact import model_store
from nelloc.training.networks.export import export, restore
from nelloc.training.networks.grow import merge


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args(words)
    try:
        networks = [restore(model_store.find(path), str(path)) for path in (args.first, args.second)]
        merged = export(merge(*networks))
        storage.write(args.out, merged, force=True)
    except NellocError as error:
        sys.exit(f"merge_networks: {error}")


if __name__ == "__main__":
    main()
