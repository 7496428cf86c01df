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
from nelloc.codec import Options, encode_pixels
from nelloc.exact.differences import Adapted, encode_differences
from nelloc.exact.model import load_model, model_id
from nelloc.image import from_array

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
    # Models of gray images, of raw inputs and that see borders; "NAME-gray" is a gray image coded with the model NAME.
    gray, small = np.asarray(Image.fromarray(photograph).convert("L"))[:24, :19], photograph[3:21, 8:36]
    for name, fields, images in (
        ("model-gray", {"channels": 1}, {"photograph": gray}),
        ("model-raw", {"inputs": "raw", "horizon": 1, "joint": False}, {"photograph": small, "gray": gray}),
        ("model-borders", {"borders": True}, {"photograph": small}),
    ):
        model = GOLDEN / f"{name}.nlm"
        _keep(model, small_model_bytes(seed=1, **fields))
        for kind, image in images.items():
            _keep_png(GOLDEN / f"{name}-{kind}.png", image)
            _keep(GOLDEN / f"{name}-{kind}.nlc", nelloc.encode(image, model=model, tile=32))
    # A model as differences to the first, and files that need it: one beside it, one with the differences inside.
    adapted = small_model_bytes(seed=2)
    differences = encode_differences((GOLDEN / "model.nlm").read_bytes(), adapted)
    _keep(GOLDEN / "differences.nlm", differences)
    _keep_png(GOLDEN / "differences-photograph.png", small)
    _keep(GOLDEN / "differences-photograph.nlc", nelloc.encode(small, model=GOLDEN / "differences.nlm", tile=32))
    (tiled,) = encode_pixels(
        [from_array(small, "image")],
        Options(model=GOLDEN / "model.nlm", tile=32),
        verify=True,
        adapted={model_id((GOLDEN / "model.nlm").read_bytes()): Adapted(load_model(adapted), differences)},
        embed=True,
    )
    _keep_png(GOLDEN / "embedded.png", small)
    _keep(GOLDEN / "embedded.nlc", tiled.data)
    # One file of each shipped model, small enough for the independent decoder.
    for name in library.shipped():
        image = photograph[20:27, 30:42]
        if library.find(name).channels == 1:
            image = np.asarray(Image.fromarray(image).convert("L"))
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
