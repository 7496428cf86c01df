"""Fuzz nelloc with mutated files, and with forged ones whose checksums are right.

    python scripts/fuzz.py --runs 100000          # random mutations; prints findings
    python scripts/fuzz.py --atheris --runs 100000   # guided by coverage; needs atheris
    python scripts/fuzz.py --make-corpus          # adds missing files to scripts/fuzz_corpus

Every input must be refused with NellocError, or decode: a file that was only mutated to its original pixels, a forged
one to an image of the announced size, which every output format holds or refuses. Image files are inputs too: they are
refused, or read, as a whole and in slices, and written. Nothing may take more than a second of CPU time, and memory is
bounded by the pixels that --max-pixels allows. Model files are inputs too. Exit status 1 if a promise was broken; the
input is then written to --out.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import fuzz_images
import numpy as np
from PIL import Image

import nelloc
from nelloc import NellocError
from nelloc.codec import container, level_lists
from nelloc.codec import decode as decoding
from nelloc.codec.container import Container, Section, TileRecord
from nelloc.codec.format import MODEL_NUMBERS, Method, SectionType
from nelloc.codec.options import EncodeOptions
from nelloc.codec.past.jpeg_file import pack_file
from nelloc.exact.model import load_model
from nelloc.exact.tile_coder import tile_coder
from nelloc.image import Pixels
from nelloc.image.kinds import Kind
from nelloc.image.levels import Levels

ROOT = Path(__file__).parent.parent
CORPUS = Path(__file__).parent / "fuzz_corpus"
MODELS = (ROOT / "tests" / "golden" / "model.nlm", ROOT / "tests" / "golden" / "model-gray.nlm")
# Small enough to decode an announced image in far less than SECONDS.
MAX_PIXELS = 1 << 12
SECONDS = 1.0
MEGABYTES = 300  # that all of a run may add to what the process had before


class BrokenPromiseError(Exception):
    """Promise broken by an input."""


@dataclass(frozen=True)
class Seed:
    """File of the corpus, and its decoded image."""

    name: str
    data: bytes
    pixels: Pixels


@contextmanager
def numbered() -> Iterator[None]:
    """Context in which the small model has a number, like shipped ones."""
    MODEL_NUMBERS[254] = load_model(MODELS[0].read_bytes()).id
    try:
        yield
    finally:
        del MODEL_NUMBERS[254]


def options() -> nelloc.DecodeOptions:
    return nelloc.DecodeOptions(model=MODELS[0], max_pixels=MAX_PIXELS, threads=1)


def decoded(data: bytes) -> Pixels:
    """Decode .nlc bytes, whole and as a region of one pixel. Raises NellocError."""
    (pixels,) = decoding.decode_files([decoding.open_file(data, "input", options())], ["input"], options())
    return pixels


def check_file(data: bytes, original: Pixels | None) -> str:
    """Decode ``data``, made from ``original`` by mutation, or forged; return the outcome."""
    start = time.process_time()
    try:
        head = container.parse_head(data, "input", max_pixels=MAX_PIXELS)
        pixels = decoded(data)
    except NellocError:
        found = "refused"
    else:
        found = "decoded"
        if original is not None and not original.same_as(pixels):
            raise BrokenPromiseError("other pixels than the file had, and no error")
        if head is None or (head.width, head.height) != (pixels.width, pixels.height):
            raise BrokenPromiseError("an image of another size than announced")
    if time.process_time() - start > SECONDS:
        raise BrokenPromiseError(f"took more than {SECONDS} s")
    return found


def check_described(data: bytes) -> str:
    """Decode a file with forged metadata, and write it in every output format; return the outcome."""
    start = time.process_time()
    try:
        pixels = decoded(data)
    except NellocError:
        return "refused"
    fuzz_images.write_all(pixels)
    if time.process_time() - start > SECONDS:
        raise BrokenPromiseError(f"took more than {SECONDS} s")
    return "written"


def check_image(data: bytes) -> str:
    """Read an image file, and write it in every output format; return the outcome."""
    start = time.process_time()
    found = fuzz_images.check(data)
    if time.process_time() - start > SECONDS:
        raise BrokenPromiseError(f"took more than {SECONDS} s")
    return found


def check_model(data: bytes) -> str:
    """Load a model file; if that works, code an image with it."""
    start = time.process_time()
    try:
        model = load_model(data, "model")
    except NellocError:
        found = "refused"
    else:
        found = "loaded"
        shape = (5, 6, 3)[: 3 if model.channels == 3 else 2]
        image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
        with tempfile.NamedTemporaryFile(suffix=".nlm") as file:
            file.write(data)
            file.flush()
            path = Path(file.name)
            back = nelloc.decode(nelloc.encode(image, model=path, embed=False, verify=False), model=path)
        if not np.array_equal(image, back):
            raise BrokenPromiseError("a model was taken that does not give pixels back")
    if time.process_time() - start > SECONDS:
        raise BrokenPromiseError(f"took more than {SECONDS} s")
    return found


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """Apply a few random changes to ``data``, some of them taken from ``other``."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        place = random.randrange(len(out) + 1)
        match random.randrange(7):
            case 0 if place < len(out):
                out[place] ^= 1 << random.randrange(8)
            case 1 if place < len(out):
                out[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del out[place : place + random.randrange(1, 9)]
            case 3:
                out[place:place] = random.randbytes(random.randrange(1, 9))
            case 4:
                start = random.randrange(len(other))
                piece = other[start : start + random.randrange(1, 33)]
                out[place : place + len(piece)] = piece
            case 5:
                del out[place:]
            case _:
                out[place:place] = out[random.randrange(len(out) + 1) :][: random.randrange(1, 17)]
    return bytes(out)


def forged(random: Random, seed: bytes, other: bytes) -> bytes:
    """Change parts of a file and correct its checksums."""
    file = container.parse(seed)
    for _ in range(random.choice((1, 1, 2, 3))):
        match random.randrange(6):
            case 0:
                sizes = (file.width, file.height, 1, 2, 15, 16, 17, random.randrange(1, 70))
                file = replace(file, width=random.choice(sizes), height=random.choice(sizes))
            case 1:
                kind = random.choice(list(Kind))
                joined = kind.joined_groups is not None and random.random() < 0.5
                file = replace(file, kind=kind, joined=joined)
            case 2 if file.records:
                records = list(file.records)
                place = random.randrange(len(records))
                data = mutated(random, records[place].data, other) if records[place].data else random.randbytes(5)
                records[place] = TileRecord(random.choice((records[place].method, *Method)), data)
                file = replace(file, records=tuple(records))
            case 3 if file.sections:
                sections = list(file.sections)
                place = random.randrange(len(sections))
                changed = mutated(random, sections[place].data, other)
                sections[place] = Section(random.choice((sections[place].type, *SectionType)), changed)
                file = replace(file, sections=tuple(sections))
            case 4:
                extra = Section(random.choice((*SectionType, 7, 0xF0)), random.randbytes(random.randrange(40)))
                file = replace(file, sections=(*file.sections, extra))
            case _:
                file = replace(file, tile=random.choice((16, 17, 256, 4096)))
    return fitted(file)


def fitted(file: Container) -> bytes:
    """Give a file as many tile records as its size and kind need."""
    count = container.tile_count(file.height, file.width, file.tile) * len(file.groups)
    records = (file.records * (1 + count // max(1, len(file.records))))[:count]
    return container.pack(replace(file, records=records or (TileRecord(Method.CONSTANT, b""),) * count))


def seeds() -> list[Seed]:
    """Load the committed corpus, and its files with a number for the model where that is possible."""
    files = {path.stem: path.read_bytes() for path in sorted(CORPUS.glob("*.nlc"))}
    repacked = {f"{name}, numbered": container.pack(container.parse(data)) for name, data in files.items()}
    files |= {name: data for name, data in repacked.items() if data not in files.values()}
    return [Seed(name, data, decoded(data)) for name, data in files.items()]


SORTS = ("mutated", "mutated", "forged", "model", "image", "described")


def one_run(random: Random, corpus: list[Seed], models: list[bytes], images: list[bytes], folder: Path) -> str:
    """Run one input; return its kind and outcome. One that breaks a promise is written to ``folder``."""
    seed, other = random.choice(corpus), random.choice(corpus)
    sort = random.choice(SORTS)
    match sort:
        case "model":
            data = mutated(random, random.choice(models), random.choice(models))
        case "image":
            data = mutated(random, random.choice(images), random.choice(images))
            data = fuzz_images.repaired(data) if random.random() < 0.7 else data
        case "described":
            data = fuzz_images.redescribed(random, seed.data, mutated)
        case _:
            data = (mutated if sort == "mutated" else forged)(random, seed.data, other.data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on damaged metadata
            return f"{sort}, {check(sort, data, seed, corpus)}"
    except Exception as error:  # whatever it is, it is a finding
        path = folder / f"broken-{sort}"
        path.write_bytes(data)
        raise BrokenPromiseError(f"{sort}: {type(error).__name__}: {error}; the input is {path}") from error


def check(sort: str, data: bytes, seed: Seed, corpus: list[Seed]) -> str:
    """Check an input made from ``seed``; return the outcome."""
    match sort:
        case "model":
            return check_model(data)
        case "image":
            return check_image(data)
        case "described":
            return check_described(data)
    # Spliced files may be whole ones again, of another image.
    original = next((known.pixels for known in corpus if known.data == data), seed.pixels)
    return check_file(data, original if sort == "mutated" else None)


def run_random(runs: int, seed: int, folder: Path) -> None:
    random = Random(seed)
    corpus, models = seeds(), [path.read_bytes() for path in MODELS]
    images = list(fuzz_images.files().values())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, slowest, counts = time.process_time(), 0.0, Counter[str]()
    for _ in range(runs):
        began = time.process_time()
        counts[one_run(random, corpus, models, images, folder)] += 1
        slowest = max(slowest, time.process_time() - began)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    for name, count in sorted(counts.items()):
        print(f"{count:8} {name}")
    print(f"{runs} inputs, {time.process_time() - start:.0f} s; the slowest took {slowest:.3f} s of processor time")
    print(f"memory grew by {grown:.0f} MB")
    if grown > MEGABYTES:
        sys.exit(f"more than {MEGABYTES} MB")


def run_atheris(runs: int, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["nelloc"]):
        import nelloc.codec.decode  # noqa: F401
    atheris.instrument_all()

    def one(data: bytes) -> None:
        check_file(data, None)

    found = folder / "corpus"  # findings go into the first folder
    found.mkdir(exist_ok=True)
    atheris.Setup([sys.argv[0], f"-runs={runs}", f"-artifact_prefix={folder}/", str(found), str(CORPUS)], one)
    atheris.Fuzz()


def make_corpus() -> None:
    """Make small files of every kind and method of tile, with metadata and without."""
    random = np.random.default_rng(5)
    smooth = (100 + 40 * np.sin(np.arange(9)[:, None] / 3 + np.arange(11) / 4)).astype(np.uint8)
    colour = np.stack([smooth, smooth + 9, 255 - smooth], axis=2)
    palette = Image.fromarray(random.integers(0, 5, (9, 11), np.uint8)).convert("P")
    palette.putpalette(bytes(range(15)))
    palette.info["transparency"] = 2
    alpha = random.integers(0, 2, (9, 11, 1), np.uint8) * 255
    deep = colour.astype(np.uint16) * 257 + random.integers(0, 9, colour.shape, np.uint16)
    icon = np.concatenate([colour, np.full((9, 11, 1), 255, np.uint8)], axis=2) * (smooth > 100)[:, :, None]
    tagged = Image.fromarray(colour)
    tagged.info |= {"icc_profile": bytes(300), "xmp": b"<x/>"}
    images = {
        "gray": smooth,
        "rgb": colour,
        "la": np.concatenate([smooth[:, :, None], alpha], axis=2),
        "rgba": np.concatenate([colour, alpha], axis=2),
        "palette": palette,
        "bilevel": smooth > 100,
        "gray16": deep[:, :, 0],
        "rgb16": deep,
        "constant": np.full((9, 11, 3), 7, np.uint8),
        "metadata": tagged,
        "tiles": np.tile(colour, (3, 3, 1))[:20, :33],
        "drawing": np.array([[200, 30, 30], [255, 255, 255], [0, 0, 0]], np.uint8)[(smooth // 20) % 3],
        "noise": random.integers(0, 256, (9, 11, 3), np.uint8),
        "stripes": np.tile(np.array([[0, 255], [255, 0]], np.uint8), (8, 8)),
        "ramps": (np.arange(16)[:, None, None] * (5, 90, 33) + np.arange(16)[:, None] * (7, 60, 81)).astype(np.uint8),
        "icon": icon,
        "learning-gray": smooth,
        "learning-rgb": np.tile(colour, (2, 2, 1)),
    }
    CORPUS.mkdir(exist_ok=True)
    for name, image in images.items():
        path = CORPUS / f"{name}.nlc"
        if not path.exists():
            learn = name.startswith("learning-")
            path.write_bytes(nelloc.encode(image, model=MODELS[0], embed=False, tile=16, learn=learn))
            print(path.name, path.stat().st_size)
    # A JPEG file, and a picture that was one, with a part written over.
    made, waves = io.BytesIO(), np.sin(np.add.outer(np.arange(56) ** 2 / 150, np.arange(64) / 9))
    Image.fromarray((128 + 90 * waves[..., None] * (1, 0.8, -0.5)).astype(np.uint8)).save(made, "JPEG", quality=80)
    picture = np.array(Image.open(made))
    picture[20:29, 5:17] = 77
    # Two layers learn in larger tiles only, which take too long here.
    learning = container.parse((CORPUS / "learning-rgb.nlc").read_bytes())
    model = load_model(MODELS[0].read_bytes())
    codes = tile_coder(model, learns=2).encode([images["learning-rgb"].transpose(2, 0, 1)[:, :16, :16]], lambda _: None)
    records = (TileRecord(Method.TWO_LAYERS, codes[0].data),)
    two = replace(learning, width=16, height=16, model_id=model.id, records=records)
    for name, data in {
        "two-layers": container.pack(two),
        "jpeg": container.pack(pack_file(made.getvalue(), "made.jpeg", EncodeOptions())),
        "past": nelloc.encode(picture, model=MODELS[0], tile=64),
        "levels": container.pack(stretched(container.parse((CORPUS / "rgb.nlc").read_bytes()))),
    }.items():
        path = CORPUS / f"{name}.nlc"
        if not path.exists():
            path.write_bytes(data)
            print(path.name, path.stat().st_size)


def stretched(file: Container) -> Container:
    """A file whose coded samples become numbers of levels: of red all, of green and blue fewer from some number on."""
    lists = [None, Levels(np.arange(0, 255, 2, np.uint16), 60), Levels(np.arange(210, dtype=np.uint16) * 6 // 5, 41)]
    return replace(file, sections=(*file.sections, Section(SectionType.LEVELS, b"\0" + level_lists.pack(lists))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("--make-corpus", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for inputs that break a promise")
    args = parser.parse_args()
    with numbered():
        if args.make_corpus:
            make_corpus()
        elif args.atheris:
            run_atheris(args.runs, args.out)
        else:
            run_random(args.runs, args.seed, args.out)


if __name__ == "__main__":
    main()
