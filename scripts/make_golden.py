"""Make golden files of every kind and method, and their hashes: tests/golden/SHA256SUMS.

    python scripts/make_golden.py           # the missing ones; none is changed, as they must decode for ever
    python scripts/make_golden.py --renew   # all of them: before a release, while the format may change
    python scripts/make_golden.py --release 1.0.0  # freeze those that are there, for ever

tests/test_golden.py refuses any change of a file that SHA256SUMS names.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import nelloc
from nelloc.codec import level_lists, plain_tiles
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import AdaptiveSetting
from nelloc.codec.container import Container, Section, TileRecord, pack, parse
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import NO_MODEL, Method, SectionType
from nelloc.codec.lzma_rows import Filter, Predictor
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.past.jpeg_file import pack_file
from nelloc.codec.tiling import tiles
from nelloc.exact import model_store
from nelloc.exact.lattice import CONVERSIONS, Rule
from nelloc.exact.model import load_model, model_id
from nelloc.exact.model_delta import Adapted, encode_differences
from nelloc.image import Palette, Pixels, from_array, read, write
from nelloc.image.kinds import Kind
from nelloc.image.levels import Levels
from nelloc.image.metadata import Item, ItemType, Metadata, Resolution, Text, resolution_item, text_item

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests" / "golden"

# Options that leave files to one method.
NO_PAST: dict[str, bool] = {"lattice": False, "past": False, "embed": False}
PLAIN = NO_PAST | {"learn": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renew", action="store_true", help="make all files again")
    parser.add_argument("--release", metavar="VERSION", help="keep the list of files as that of a version")
    args = parser.parse_args()
    if args.renew:
        for path in GOLDEN.rglob("*.nlc"):
            path.unlink()
    os.environ["NELLOC_MODELS"] = str(GOLDEN)  # the base of differences is found there
    _make()
    list_files(GOLDEN)
    if args.release:
        release(GOLDEN, args.release)


def list_files(folder: Path) -> None:
    """Write SHA256SUMS of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("SHA256SUMS")]
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))


def release(folder: Path, version: str) -> Path:
    """Keep SHA256SUMS as that of a version. Raises FileExistsError if there is one."""
    path = folder / f"SHA256SUMS-{version}"
    with path.open("x") as file:
        file.write((folder / "SHA256SUMS").read_text())
    return path


def _make() -> None:
    """Make the files that are missing."""
    sys.path.insert(0, str(ROOT / "tests"))
    from materials import TWO_LAYERS, encode_by, on_lattice, small_model_bytes

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
        _keep(GOLDEN / f"{name}.nlc", nelloc.encode(image, model=model, tile=32, **PLAIN))
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
            _keep(
                GOLDEN / f"{name}-{kind}.nlc",
                nelloc.encode(image, model=model, tile=32, **PLAIN),
            )
    # A model as differences to the first, and files that need it: one without it, one with the differences inside.
    # And a file with a whole model inside.
    adapted = small_model_bytes(seed=2)
    differences = encode_differences((GOLDEN / "model.nlm").read_bytes(), adapted)
    _keep(GOLDEN / "differences.nlm", differences)
    _keep_png(GOLDEN / "differences-photograph.png", small)
    data = nelloc.encode(small, model=GOLDEN / "differences.nlm", tile=32, **PLAIN)
    _keep(GOLDEN / "differences-photograph.nlc", data)
    (tiled,) = encode_pixels(
        [from_array(small, "image")],
        EncodeOptions(model=GOLDEN / "model.nlm", tile=32, **PLAIN),
        verify=True,
        adapted={model_id((GOLDEN / "model.nlm").read_bytes()): Adapted(load_model(adapted), differences)},
        embed=True,
    )
    _keep_png(GOLDEN / "embedded.png", small)
    _keep(GOLDEN / "embedded.nlc", tiled.data)
    _keep_png(GOLDEN / "whole-model.png", gray)
    options = PLAIN | {"embed": True}
    _keep(GOLDEN / "whole-model.nlc", nelloc.encode(gray, model=GOLDEN / "model-gray.nlm", tile=32, **options))
    for name, pixels in _kinds(photograph).items():
        _keep(GOLDEN / f"{name}.png", write(pixels, ".png", name).data)
        (encoded,) = encode_pixels(
            [pixels],
            EncodeOptions(model=GOLDEN / "model.nlm", tile=32, **PLAIN),
            verify=True,
        )
        _keep(GOLDEN / f"{name}.nlc", encoded.data)
    for name, (pixels, way_of) in _adaptive(photograph).items():
        _keep(GOLDEN / f"{name}.png", write(pixels, ".png", name).data)
        _keep(GOLDEN / f"{name}.nlc", pack(_coded(pixels, way_of)))
    for name, (pixels, method, setting) in _whole(photograph).items():
        _keep(GOLDEN / f"{name}.png", write(pixels, ".png", name).data)
        joined = pixels.kind.joined_groups is not None
        samples = np.concatenate(pixels.groups)
        records = (TileRecord(method, plain_tiles.encode(method, samples, 8, setting)),)
        file = Container(pixels.kind, pixels.width, pixels.height, 64, NO_MODEL, records, joined=joined)
        _keep(GOLDEN / f"{name}.nlc", pack(file))
    # JPEG files, and pictures that were some.
    for name, image in _pasts(photograph).items():
        _keep_png(GOLDEN / "jpeg" / f"{name}.png", image)
        _keep(GOLDEN / "jpeg" / f"{name}.nlc", nelloc.encode(image, tile=64))
    for name, made in _jpeg_files(photograph).items():
        jpeg = GOLDEN / "jpeg" / f"{name}.jpg"
        _keep(jpeg, made)
        _keep(jpeg.with_suffix(".nlc"), pack(pack_file(jpeg.read_bytes(), name, EncodeOptions())))
    # One file of each shipped model, small enough for the independent decoder.
    for name in model_store.shipped():
        image = photograph[20:27, 30:42]
        if model_store.find(name).channels == 1:
            image = np.asarray(Image.fromarray(image).convert("L"))
        _keep_png(GOLDEN / f"shipped-{name}.png", image)
        _keep(GOLDEN / f"shipped-{name}.nlc", nelloc.encode(image, model=name, **PLAIN))
    # Models that learn, of each sort and one that is shipped: "learning-NAME" with the model NAME.
    for name, image in {
        "learning-photograph": photograph,
        "learning-gray": np.asarray(Image.fromarray(photograph[:37, :29]).convert("L")),
        "learning-model-gray": gray,
        "learning-model-borders": small,
        "learning-default": photograph[20:31, 30:47],
        "learning-fast-gray": gray[:15, :17],
    }.items():
        own = name.removeprefix("learning-")
        model = GOLDEN / (f"{own}.nlm" if own.startswith("model") else "model.nlm")
        _keep_png(GOLDEN / f"{name}.png", image)
        data = nelloc.encode(image, model=own if own in model_store.shipped() else model, tile=32, **NO_PAST)
        _keep(GOLDEN / f"{name}.nlc", data)
    # The same of two layers.
    for name, image in {
        "two-layers-photograph": photograph[3:39, :37],
        "two-layers-gray": gray[:19, :23],
        "two-layers-shipped": photograph[24:33, 30:42],
        "two-layers-lattice": on_lattice(photograph[7:21, 20:35], Rule.JFIF),
        "two-layers-seen": on_lattice(photograph[9:25, 20:43], Rule.SEEN),
    }.items():
        own, setting = TWO_LAYERS[name]
        _keep_png(GOLDEN / f"{name}.png", image)
        model = own if own in model_store.shipped() else GOLDEN / f"{own}.nlm"
        _keep(GOLDEN / f"{name}.nlc", encode_by(setting, image, model=model, tile=32, embed=False))
    # Former luma and chroma, by each rule, of a model as it is or of one that learns: "lattice-RULE".
    for rule in CONVERSIONS:
        height, width = {Rule.JFIF: (37, 41), Rule.PHOTO_CD: (11, 14), Rule.HEIF: (17, 23)}.get(rule, (9, 11))
        name, learn = f"lattice-{rule.name.lower().replace('_', '-')}", rule not in (Rule.WEBP, Rule.AVIF)
        image = on_lattice(photograph[7 : 7 + height, 20 : 20 + width], rule)
        _keep_png(GOLDEN / f"{name}.png", image)
        own = "default" if rule is Rule.PHOTO_CD else GOLDEN / "model.nlm"
        _keep(GOLDEN / f"{name}.nlc", nelloc.encode(image, model=own, tile=32, learn=learn, embed=False))
    _make_levels(photograph)
    # Small images whose model has a number, or that need none.
    for name, image, own in (
        ("small-default", photograph[31:42, 40:53], "default"),
        ("small-fast-gray", gray[4:18, 2:15], "fast-gray"),
        ("small-adaptive", photograph[:12, :16, 0] // 128 * 90, "default"),
    ):
        _keep_png(GOLDEN / f"{name}.png", image)
        _keep(GOLDEN / f"{name}.nlc", nelloc.encode(image, model=own, **NO_PAST))


def _make_levels(photograph: np.ndarray) -> None:
    """Make files of stretched images: those of other golden files, whose samples are then numbers of levels."""
    gray = np.asarray(Image.fromarray(photograph).convert("L"))
    deep = gray[:24, :19].astype(np.uint16) * 16 + photograph[:24, :19, 0] // 16
    options = EncodeOptions(model=GOLDEN / "model.nlm", tile=32, **PLAIN)
    images = [from_array(photograph[3:21, 8:36]), from_array(deep)]
    eight, twelve = (encoded.data for encoded in encode_pixels(images, options, verify=True))
    others = {
        "levels-rgb": (eight, [_stretched(40, 255), None, _stretched(17, 255)]),
        "levels-gray16": (twelve, [_stretched(0, 4095, 61425)]),
        "levels-joined": ("joined-rgba", [None, None, None, _stretched(90, 255)]),
        "levels-lattice": ("lattice-jfif", [_stretched(138, 255), _stretched(150, 255), None]),
        "jpeg/levels-past": ("jpeg/past-420", [_stretched(10, 255)] * 3),
    }
    for name, (other, lists) in others.items():
        file = parse(other if isinstance(other, bytes) else (GOLDEN / f"{other}.nlc").read_bytes())
        section = Section(SectionType.LEVELS, b"\0" + level_lists.pack(lists))
        file = replace(file, sections=(*file.sections, section))
        _keep(GOLDEN / f"{name}.nlc", pack(file))
        (pixels,) = decode_files([file], [name], DecodeOptions(model=GOLDEN / "model.nlm"))
        _keep(GOLDEN / f"{name}.png", write(pixels, ".png", name).data)


def _stretched(low: int, high: int, most: int = 255) -> Levels:
    """Levels from 0 to ``most``, evenly spread, of the numbers from ``low`` to ``high``."""
    numbers = np.arange(high - low + 1)
    return Levels((numbers * most // numbers[-1]).astype(np.uint16), low)


def _pasts(photograph: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels that JPEG files decode to, one of which was cut off its grid."""
    image = Image.fromarray(np.tile(photograph, (2, 2, 1))[:120, :150])
    decoded = {
        "past-420": _jpeg(image, quality=85, subsampling=2),
        "past-cut-444": _jpeg(image, quality=75, subsampling=0),
        "past-gray": _jpeg(image.convert("L"), quality=80),
    }
    found = {name: np.asarray(Image.open(io.BytesIO(data))) for name, data in decoded.items()}
    return found | {"past-cut-444": found["past-cut-444"][3:, 5:]}


def _jpeg_files(photograph: np.ndarray) -> dict[str, bytes]:
    """JPEG files of several codings, one of which is not held as coefficients."""
    image = Image.fromarray(photograph)
    files = {
        "baseline-420": _jpeg(image, quality=80, subsampling=2),
        "restart-444": _jpeg(image, quality=93, subsampling=0, restart_marker_blocks=3),
        "progressive-422": _jpeg(image, quality=65, subsampling=1, progressive=True) + b"after the end",
        "progressive-gray": _jpeg(image.convert("L"), quality=90, progressive=True),
    }
    return files | {"cut-off": files["baseline-420"][:-40]}


def _jpeg(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def _kinds(photograph: np.ndarray) -> dict[str, Pixels]:
    """Make an image of each further kind, and one with all metadata that PNG supports."""
    small = photograph[3:18, 8:28]
    gray = np.asarray(Image.fromarray(small).convert("L"))
    alpha = np.tile(np.arange(20, dtype=np.uint8) * 13, (15, 1))
    # Deep samples with something in every bit: a sum of neighbours, and a slope.
    deep = (
        np.stack([photograph[k : k + 15, 8:28].astype(np.uint16) * 57 for k in range(3, 7)]).sum(axis=0)
        + gray[..., None]
    )
    deep = deep.astype(np.uint16)
    deep_alpha = alpha.astype(np.uint16) * 259
    indices = (gray // 17).astype(np.uint8)
    palette = Palette("RGB", bytes(range(48)), bytes(range(0, 250, 50)))
    items = (
        Item(ItemType.ICC, b"a profile" * 9),
        Item(ItemType.EXIF, b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        Item(ItemType.XMP, b"<x:xmpmeta/>"),
        Item(ItemType.GAMMA, (45455).to_bytes(4, "little")),
        Item(ItemType.SRGB, b"\0"),
        resolution_item(Resolution((11811, 1), (5906, 1), "metre")),
        text_item(Text("Title", "Parrots")),
        text_item(Text("Title", "Perroquets \u2603", "fr", "Titre")),
    )
    images = {
        "la": from_array(np.dstack([gray, alpha])),
        "rgba": from_array(np.dstack([small, np.full((15, 20), 255, np.uint8)])),
        "palette": Pixels(Kind.PALETTE, (indices[None],), palette),
        "bilevel": from_array(gray > np.median(gray)),
        "gray16": from_array(deep[:, :, 0]),
        "rgb16": from_array(deep),
        "la16": from_array(np.dstack([deep[:, :, 0], deep_alpha])),
        "rgba16": from_array(np.dstack([deep, deep_alpha])),
        "12-bit": from_array(deep >> 4 << 4),
        "transparent": replace(from_array(gray), transparent=(int(gray[0, 0]),)),
    }
    images["metadata"] = Pixels(Kind.RGB, (small.transpose(2, 0, 1),), metadata=Metadata(items))
    # PNG files say these items in an order of their own.
    images["metadata"] = read(write(images["metadata"], ".png").data, "metadata")
    return {f"kind-{name}": pixels for name, pixels in images.items()}


def _adaptive(photograph: np.ndarray) -> dict[str, tuple[Pixels, list[AdaptiveSetting | None]]]:
    """Make images for the adaptive coder, and the form of each of their tiles; None for a stored one."""
    steps = photograph[:45, :48] // 64 * 64
    blocks = steps[::3, ::4].repeat(3, axis=0).repeat(4, axis=1)
    noise = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    mixed = np.concatenate([blocks, np.tile(noise, (1, 3, 1))])
    forms = [AdaptiveSetting(Form(form), order) for form, order in ((1, 0), (2, 0), (3, 3), (4, 5), (5, 1), (3, 0))]
    gray = np.asarray(Image.fromarray(blocks).convert("L"))
    palette, candidates, plain = map(AdaptiveSetting, (Form.PALETTE, Form.CANDIDATES_PREDICTED, Form.PLAIN))
    deep = blocks[:20, :24].astype(np.uint16) * 257
    return {
        "adaptive-rgb": (from_array(mixed), [*forms, *forms[1:4], palette, None, plain]),
        "adaptive-gray": (
            from_array(gray),
            [palette, candidates] * 4 + [plain],
        ),
        "adaptive-large": (from_array(np.tile(gray, (2, 2))), [palette]),
        "adaptive-rgb16": (from_array(deep), [candidates, palette] * 2),
        "adaptive-bilevel": (
            from_array(gray > 100),
            [palette, AdaptiveSetting(Form.CANDIDATES_PLAIN)] * 4 + [AdaptiveSetting(Form.PREDICTED)],
        ),
    }


def _whole(photograph: np.ndarray) -> dict[str, tuple[Pixels, Method, AdaptiveSetting | Filter | None]]:
    """Make images of one tile: with colour and alpha in one group, of filtered or packed rows, or of noise."""
    small = photograph[3:18, 8:28]
    rgba = np.dstack([small // 32 * 32, np.where(small[:, :, 1] > 100, 255, 90).astype(np.uint8)])
    noise = np.random.default_rng(2).normal(128, 20, (12, 11, 3)).clip(0, 255).astype(np.uint8)
    return {
        "joined-rgba": (from_array(rgba), Method.ADAPTIVE, AdaptiveSetting(Form.CANDIDATES_PREDICTED, 7)),
        "joined-la": (from_array(rgba[:, :, 2:]), Method.ROWS, Filter(Predictor.WEST, planar=True)),
        "rows-median": (from_array(small), Method.ROWS, Filter(Predictor.MEDIAN, green=True)),
        "rows-plane": (from_array(rgba), Method.ROWS, Filter(Predictor.PLANE, planar=True, green=True)),
        "rows-north": (from_array(small[:, :, 0]), Method.ROWS, Filter(Predictor.NORTH)),
        "deflate-gray": (from_array(small[:, :, 0] // 16), Method.DEFLATE, None),
        "deflate-bilevel": (from_array(small[:, :, 0] > 100), Method.DEFLATE, None),
        "steady-rgb": (from_array(noise), Method.ADAPTIVE, AdaptiveSetting(Form.STEADY)),
    }


def _coded(pixels: Pixels, chosen: list[AdaptiveSetting | None]) -> Container:
    """Make a file of tiles of 16, or of one tile, each in the form ``chosen`` for it; deep samples at full depth."""
    size = 16 if len(chosen) > 1 else 96
    group = pixels.kind.groups[0]
    records = []
    for tile, setting in zip(tiles(pixels.height, pixels.width, size), chosen, strict=True):
        samples = np.ascontiguousarray(pixels.planes[:, tile.rows, tile.columns])
        method = Method.STORED if setting is None else Method.ADAPTIVE
        records.append(TileRecord(method, plain_tiles.encode(method, samples, group.bits, setting)))
    return Container(pixels.kind, pixels.width, pixels.height, size, NO_MODEL, tuple(records))


def _keep(path: Path, data: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        print(f"{path.relative_to(ROOT)}: {len(data)} bytes")


def _keep_png(path: Path, image: np.ndarray) -> None:
    if not path.exists():
        Image.fromarray(image).save(path, optimize=True)


if __name__ == "__main__":
    main()
