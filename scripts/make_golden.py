"""Make golden files that are not there yet. Existing ones are never touched: they must decode for ever.

python scripts/make_golden.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import nelloc
from nelloc import library

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"


def main() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from conftest import small_model_bytes

    GOLDEN.mkdir(exist_ok=True)
    model = GOLDEN / "model.nlm"
    _keep(model, small_model_bytes(seed=1))
    photograph = np.asarray(Image.open(ROOT / "docs" / "images" / "parrots.png"))[150:220, 200:290]
    for name, image in {
        "photograph": photograph,
        "gray": np.asarray(Image.fromarray(photograph[:37, :29]).convert("L")),
        "pixel": photograph[:1, :1],
        "column": photograph[:40, :1],
    }.items():
        _keep_png(GOLDEN / f"{name}.png", image)
        _keep(GOLDEN / f"{name}.nlc", nelloc.encode(image, model=model, tile=32))
    # One file of each shipped model, small enough for the independent decoder.
    for name in library.shipped():
        image = photograph[20:27, 30:42]
        _keep_png(GOLDEN / f"shipped-{name}.png", image)
        _keep(GOLDEN / f"shipped-{name}.nlc", nelloc.encode(image, model=name))


def _keep(path: Path, data: bytes) -> None:
    if not path.exists():
        path.write_bytes(data)
        print(f"{path.relative_to(ROOT)}: {len(data)} bytes")


def _keep_png(path: Path, image: np.ndarray) -> None:
    if not path.exists():
        Image.fromarray(image).save(path, optimize=True)


if __name__ == "__main__":
    main()
