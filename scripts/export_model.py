"""Make the integer model of a checkpoint.

python scripts/export_model.py runs/default weights/default.nlm
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from nelloc.models.export import export
from nelloc.training.loop import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("model", type=Path)
    args = parser.parse_args()
    trainer = Trainer.resume(args.checkpoint)
    data = export(trainer.averaged)
    args.model.write_bytes(data)
    print(f"{args.model}: {len(data)} bytes, id {hashlib.sha256(data).hexdigest()[:8]}, {trainer.seen / 1e6:.0f} Mpx")


if __name__ == "__main__":
    main()
