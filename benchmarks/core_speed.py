"""Speed of the compiled core, NumPy and other codecs: the core's parts of speed.py.

Each part is one run in which all variants take turns, so that its ratios hold on any machine; times are CPU time of one
thread, except for the part threads. Every stream is decoded and compared.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import nelloc
from nelloc.bench import markdown
from nelloc.bench.interface import Peer, Picture
from nelloc.bench.peers import Missing, find
from nelloc.bench.timing import medians
from nelloc.exact import model_store, native
from nelloc.image import from_array

ROUNDS = 3
PEERS = ("jpegxl:7", "jpegxl:9", "webp:6")
NUMPY = "numpy"


@dataclass(frozen=True)
class Way:
    """Configuration of nelloc: a CPU level of the core or NumPy, a model, and whether it learns."""

    level: str
    model: str
    learn: bool

    def __str__(self) -> str:
        return f"`{self.model}`{'' if self.learn else ' --no-learn'}, {self.level}"

    @contextmanager
    def chosen(self) -> Iterator[dict[str, object]]:
        """Context in which NELLOC_CPU forces the level; yields the options of nelloc."""
        before = os.environ.get(native.VARIABLE)
        os.environ[native.VARIABLE] = self.level
        try:
            yield {"model": self.model, "learn": self.learn, "threads": 1}
        finally:
            os.environ.pop(native.VARIABLE) if before is None else os.environ.update({native.VARIABLE: before})

    def encode(self, image: NDArray[np.uint8]) -> bytes:
        with self.chosen() as options:
            # NumPy does not look for JPEGs that pictures were.
            return nelloc.encode(image, verify=False, past=False, **options)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        with self.chosen() as options:
            return nelloc.decode(data, model=options["model"], threads=1)


def core(images: Mapping[str, NDArray[np.uint8]]) -> list[str]:
    """CPU levels, NumPy and other codecs on each image, both directions; for other models the fastest level only."""
    lines = []
    for name, image in images.items():
        levels = _levels()
        ways = [Way(level, "default", learn) for learn in (True, False) for level in levels]
        ways += [Way(levels[0], model, learn) for model in ("fast", "high") for learn in (True, False)]
        lines += [f"{name}, {image.shape[1]} x {image.shape[0]}:", "", *_compared(image, ways), ""]
    return lines


def _levels() -> list[str]:
    os.environ.pop(native.VARIABLE, None)
    return [*native.levels(), NUMPY]


def _compared(image: NDArray[np.uint8], ways: list[Way]) -> list[str]:
    """Rows of one image."""
    pixels = image.shape[0] * image.shape[1]
    picture = Picture.of("image", from_array(image))
    peers: dict[str, Peer] = {}
    for wanted in PEERS:
        found = find(wanted)
        if not isinstance(found, Missing):
            peers |= {f"{peer.name} {peer.effort}, {peer.version()}": peer for peer in found}
    encode: dict[str, Callable[[], bytes]] = {str(way): lambda way=way: way.encode(image) for way in ways}
    decode: dict[str, Callable[[bytes], object]] = {str(way): way.decode for way in ways}
    encode |= {name: lambda peer=peer: peer.encode(picture) for name, peer in peers.items()}
    decode |= {name: peer.decode for name, peer in peers.items()}
    for way in ways:
        way.decode(way.encode(image[:96, :96]))  # a level's test of itself, at its first use, is not measured
    encoding, decoding, streams = _timed(encode, decode, image)
    for way in ways:
        reference = streams.get(str(Way(NUMPY, way.model, way.learn)), streams[str(way)])
        assert streams[str(way)] == reference, "a level gives other bytes"
    jxl = next((name for name in peers if name.startswith("jpegxl 7")), None)
    heads = [
        "codec",
        "bytes",
        "encode, us/px",
        "decode, us/px",
        "decode, NumPy's time by its",
        "of JPEG XL -e 7: encode",
    ]
    lines = markdown.head([*heads, "decode"])
    for name in encode:
        way = next((way for way in ways if str(way) == name), None)
        slow = None if way is None else decoding.get(str(Way(NUMPY, way.model, way.learn)))
        faster = "" if slow is None else f"{slow / decoding[name]:.1f}"
        cells = [
            name,
            str(len(streams[name])),
            f"{encoding[name] / pixels * 1e6:.3f}",
            f"{decoding[name] / pixels * 1e6:.3f}",
        ]
        beside = (
            ["", ""]
            if jxl is None
            else [f"{encoding[name] / encoding[jxl]:.2f}", f"{decoding[name] / decoding[jxl]:.2f}"]
        )
        lines.append(markdown.row([*cells, faster, *beside]))
    return lines


def _timed(
    encode: Mapping[str, Callable[[], bytes]], decode: Mapping[str, Callable[[bytes], object]], image: NDArray[np.uint8]
) -> tuple[dict[str, float], dict[str, float], dict[str, bytes]]:
    """Median processor seconds to encode and to decode, in rounds in which all take turns, and the streams.

    Raises AssertionError if an image comes back changed.
    """
    streams: dict[str, bytes] = {}
    seconds: tuple[dict[str, list[float]], dict[str, list[float]]] = (
        {name: [] for name in encode},
        {name: [] for name in encode},
    )
    for _ in range(ROUNDS):
        for name, code in encode.items():
            start = time.process_time()
            streams[name] = code()
            middle = time.process_time()
            back = decode[name](streams[name])
            end = time.process_time()
            assert np.array_equal(np.asarray(back), image), name
            seconds[0][name].append(middle - start)
            seconds[1][name].append(end - middle)
    encoding, decoding = ({name: statistics.median(times) for name, times in each.items()} for each in seconds)
    return encoding, decoding, streams


def models(photograph: NDArray[np.uint8]) -> list[str]:
    """A photograph with every shipped model, in gray for models of gray images: CPU time of one thread."""
    gray = np.asarray(Image.fromarray(photograph).convert("L"))
    level = _levels()[0]
    variants: dict[tuple[str, str, bool], Callable[[], object]] = {}
    for name in model_store.shipped():
        image = gray if model_store.find(name).channels == 1 else photograph
        for learn in (True, False):
            way = Way(level, name, learn)
            data = way.encode(image)
            assert np.array_equal(way.decode(data), image), way
            variants[name, "encode", learn] = lambda way=way, image=image: way.encode(image)
            variants[name, "decode", learn] = lambda way=way, data=data: way.decode(data)
    seconds = medians(variants, ROUNDS, time.process_time)
    heads = ["encode, s", "decode, s", "decode, Mpx/s", "--no-learn: encode, s", "decode, s", "decode, Mpx/s"]
    lines = markdown.head([f"{photograph.shape[1]} x {photograph.shape[0]}, {level}", *heads])
    for name in model_store.shipped():
        cells = [f"{name} ({model_store.find(name).id.hex()})"]
        for learn in (True, False):
            encode, decode = seconds[name, "encode", learn], seconds[name, "decode", learn]
            cells += [f"{encode:.2f}", f"{decode:.2f}", f"{gray.size / 1e6 / decode:.3f}"]
        lines.append(markdown.row(cells))
    return lines


def sets(photograph: NDArray[np.uint8]) -> list[str]:
    """A thousand images of 32 x 32 in one call, one thread; NumPy codes some of them, in one call too."""
    side = 32
    rows = [photograph[i : i + side, j : j + side] for i in range(0, 1024, side) for j in range(0, 1024, side)][:1000]
    images = [np.ascontiguousarray(image) for image in rows]
    levels = _levels()
    with Way(levels[0], "default", True).chosen() as options:
        reference = nelloc.encode_many(images, verify=False, **options)
    lines = markdown.head(["images of 32 x 32, `default`, one thread", "encode, images/s", "decode, images/s"])
    for way in (Way(level, "default", True) for level in levels):
        count = 50 if way.level == NUMPY else len(images)
        with way.chosen() as options:
            assert nelloc.encode_many(images[:count], verify=False, **options) == reference[:count]
            variants = {
                "encode": lambda options=options, count=count: nelloc.encode_many(
                    images[:count], verify=False, **options
                ),
                "decode": lambda count=count: nelloc.decode_many(reference[:count], threads=1),
            }
            found = medians(variants, ROUNDS, time.process_time)
        cells = (f"{count / found[each]:.0f}" for each in ("encode", "decode"))
        lines.append(markdown.row([f"{count}, {way.level}", *cells]))
    return lines


def shapes(photograph: NDArray[np.uint8]) -> list[str]:
    """Unusual shapes and 256 x 256: CPU time per pixel, both directions, default options."""
    line = photograph.reshape(-1, 3)
    images = {
        "256 x 256": photograph[:256, :256],
        "257 x 33": photograph[:33, :257],
        "5000 x 3": np.ascontiguousarray(line[:15000].reshape(3, 5000, 3)),
        "1 x 60000": np.ascontiguousarray(line[:60000].reshape(60000, 1, 3)),
        "60000 x 1": np.ascontiguousarray(line[:60000].reshape(1, 60000, 3)),
    }
    way = Way(_levels()[0], "default", True)
    streams = {name: way.encode(np.ascontiguousarray(image)) for name, image in images.items()}
    assert all(np.array_equal(way.decode(streams[name]), image) for name, image in images.items())
    encode = {name: lambda image=image: way.encode(np.ascontiguousarray(image)) for name, image in images.items()}
    decode = {name: lambda name=name: way.decode(streams[name]) for name in images}
    times = [medians(variants, ROUNDS, time.process_time) for variants in (encode, decode)]
    lines = markdown.head([str(way), "encode, us/px", "decode, us/px", "of 256 x 256: encode", "decode"])
    each = {name: [found[name] / image[..., 0].size * 1e6 for found in times] for name, image in images.items()}
    for name, (encoding, decoding) in each.items():
        ratios = [value / first for value, first in zip((encoding, decoding), each["256 x 256"], strict=True)]
        lines.append(markdown.row([name, *(f"{value:.2f}" for value in (encoding, decoding, *ratios))]))
    return lines


def threads(photograph: NDArray[np.uint8]) -> list[str]:
    """Two threads and one, on 4 megapixels: wall-clock time."""
    # Enlarged, not mirrored: what repeats itself is coded by other methods than a photograph.
    image = np.asarray(Image.fromarray(photograph).resize((2048, 2048), Image.Resampling.LANCZOS))
    data = nelloc.encode(image, verify=False)
    variants: dict[tuple[str, int], Callable[[], object]] = {}
    for count in (1, 2):
        variants["encode", count] = lambda count=count: nelloc.encode(image, verify=False, threads=count)
        variants["decode", count] = lambda count=count: nelloc.decode(data, threads=count)
    seconds = medians(variants, ROUNDS)
    lines = markdown.head(["2048 x 2048, `default`", "1 thread, s", "2 threads, s", "faster by"])
    for what in ("encode", "decode"):
        one, two = seconds[what, 1], seconds[what, 2]
        lines.append(markdown.row([what, *(f"{value:.2f}" for value in (one, two, one / two))]))
    return lines


def photographs(folder: Path | None) -> dict[str, NDArray[np.uint8]]:
    """A Kodak photograph and one of 1024 x 1024 of the test data, if its folder is given."""
    if folder is None:
        return {}
    paths = (folder / "kodak" / "kodim23.png", folder / "thesis-1024" / "1.png")
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in paths}
