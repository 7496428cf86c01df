"""Make the integer model of a checkpoint.

python scripts/export_model.py runs/default weights/default.nlm
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nelloc.exact.model import load_model
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
    model = load_model(data, str(args.model))
    print(f"{args.model}: id {model.id.hex()}, {model.size} bytes, {model.multiply_adds} multiply-adds per pixel")


if __name__ == "__main__":
    main()
