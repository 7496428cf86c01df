"""Put two models side by side into one, from which a larger network is trained.

python scripts/merge_networks.py weights/default.nlm runs/other/model.nlm merged.nlm
python scripts/train_shipped.py --data ../shared/data --out runs/high --init merged.nlm --matrix-rate 0
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nelloc import library
from nelloc.models.export import export, restore
from nelloc.models.grow import merge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    networks = [restore(library.find(path), str(path)) for path in (args.first, args.second)]
    args.out.write_bytes(export(merge(*networks)))


if __name__ == "__main__":
    main()
