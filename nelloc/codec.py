"""The whole path: image to bytes and back. The only place that knows all of it."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from nelloc import container as nlc
from nelloc import image as images
from nelloc import library
from nelloc.container import Container, Kind, Method, Section, SectionType, TileRecord
from nelloc.decoders import DECODERS, DEFAULT_DECODER
from nelloc.decoders.interface import EncodedTile
from nelloc.encoder import TileCode, encode_tile
from nelloc.errors import NellocError
from nelloc.exact import backends
from nelloc.exact.coder import CODER_STATE_BITS, DigitDecoder
from nelloc.exact.differences import Adapted, is_differences
from nelloc.exact.engine import Advance, Engine
from nelloc.exact.mixture import MIN_BITS_PER_SAMPLE
from nelloc.exact.model import ExactModel
from nelloc.tiling import DEFAULT_TILE, MAX_TILE, MIN_TILE, tiles

Source = Image.Image | NDArray[np.uint8]
In = TypeVar("In")
Out = TypeVar("Out")


class Progress:
    """What is told of the work done; this one does nothing with it. Called from several threads."""

    def expect(self, pixels: int) -> None:
        """So many more pixels will be coded."""

    def advance(self, pixels: int) -> None:
        """So many pixels were coded since the last call."""


MAX_MINUTES = 10_000
_RESTORE = "get the file again from its source or a backup"


@dataclass(frozen=True)
class Options:
    """How to code. None of these changes the pixels; ``model``, ``tile`` and what adapts the model change the bytes.

    With ``adapt`` the model is first fine-tuned on what is coded, which needs torch, for about ``adapt_minutes`` (by
    default chosen from the number of pixels), and the files hold it, if that makes them smaller.
    """

    model: str | Path | None = None
    tile: int = DEFAULT_TILE
    backend: str = backends.DEFAULT_BACKEND
    decoder: str = DEFAULT_DECODER
    threads: int | None = None
    max_pixels: int = nlc.MAX_PIXELS
    progress: Progress = field(default_factory=Progress)
    adapt: bool = False
    adapt_minutes: float | None = None

    def __post_init__(self) -> None:
        if not MIN_TILE <= self.tile <= MAX_TILE:
            raise NellocError(f"tile size {self.tile}: out of range; choose {MIN_TILE} to {MAX_TILE}")
        if self.decoder not in DECODERS:
            raise NellocError(f"decoder {self.decoder}: unknown; choose one of {', '.join(DECODERS)}")
        if self.threads is not None and self.threads < 1:
            raise NellocError(f"{self.threads} threads: choose at least 1")
        if self.adapt_minutes is not None and not 0 < self.adapt_minutes <= MAX_MINUTES:
            raise NellocError(f"{self.adapt_minutes} minutes: choose more than 0 and at most {MAX_MINUTES}")

    @property
    def workers(self) -> int:
        """Threads to use: as asked for, or all that this process may have."""
        if self.threads is not None:
            return self.threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Encoded:
    """A coded image: the file's bytes and, if measured, the bits that the model itself asks for."""

    data: bytes
    model_bits: float | None


def encode(image: Source, *, verify: bool = True, options: Options | None = None, **fields: Any) -> bytes:
    """The .nlc bytes of an image.

    ``image``: a Pillow image of mode L or RGB, or a uint8 array (H, W) or (H, W, 3). Keywords are
    the fields of ``Options``. With ``verify`` the result is decoded and compared. Raises NellocError for an
    image that cannot be kept exactly, and if verification fails.
    """
    return encode_many([image], verify=verify, options=options, **fields)[0]


def encode_many(
    images: Sequence[Source], *, verify: bool = True, options: Options | None = None, **fields: Any
) -> list[bytes]:
    """The .nlc bytes of each of several images; the same bytes as one by one. See ``encode``."""
    options = options or Options(**fields)
    pixels = [_pixels(image, f"image {number}" if len(images) > 1 else "image") for number, image in enumerate(images)]
    if not options.adapt:
        return [encoded.data for encoded in encode_pixels(pixels, options, verify=verify)]
    from nelloc.adapt.encode import encode_adapted

    return [encode_adapted([item], options, verify=verify, embed=True)[0][0].data for item in pixels]


def decode(data: bytes, *, options: Options | None = None, **fields: Any) -> NDArray[np.uint8]:
    """The pixels of .nlc bytes: (H, W) uint8 for gray, (H, W, 3) for RGB.

    Keywords are the fields of ``Options``. Raises NellocError for bytes that are not a whole and undamaged file.
    """
    options = options or Options(**fields)
    return decode_files([nlc.parse(data, "data", max_pixels=options.max_pixels)], ["data"], options)[0]


def decode_many(data: Sequence[bytes], *, options: Options | None = None, **fields: Any) -> list[NDArray[np.uint8]]:
    """The pixels of each of several files, decoded together: much faster for small images. See ``decode``."""
    options = options or Options(**fields)
    names = [f"file {number}" for number in range(len(data))]
    files = [nlc.parse(item, name, max_pixels=options.max_pixels) for item, name in zip(data, names, strict=True)]
    return decode_files(files, names, options)


def encode_pixels(
    pixels: Sequence[images.Pixels],
    options: Options,
    *,
    verify: bool,
    measure: bool = False,
    adapted: Mapping[bytes, Adapted] | None = None,
    embed: bool = False,
) -> list[Encoded]:
    """Code images with one model, or its gray sibling (``library.find_for``); with ``measure`` count its own bits too.

    ``adapted`` has models to use instead of those of the ids that are its keys; with ``embed`` files hold them. Raises
    NellocError if the model cannot code an image, and if ``verify`` finds that one does not decode to itself.
    """
    used = [model_for(image, options) for image in pixels]
    changed = [(adapted or {}).get(model.id) for model in used]
    models = [model if other is None else other.model for model, other in zip(used, changed, strict=True)]
    work = []
    for image, model in zip(pixels, models, strict=True):
        if image.planes[0].size > options.max_pixels:
            raise NellocError(f"image: has more than {options.max_pixels} pixels; raise --max-pixels to code it")
        _, height, width = image.planes.shape
        for tile in tiles(height, width, options.tile):
            work.append((model, image.planes[:, tile.rows, tile.columns]))

    options.progress.expect(sum(planes[0].size for _, planes in work))

    def encode_part(part: Sequence[tuple[ExactModel, NDArray[np.uint8]]], advance: Advance) -> list[TileCode]:
        engines: dict[bytes, Engine] = {}
        codes = []
        for model, view in part:
            if model.sha256 not in engines:
                engines[model.sha256] = _engine(model, options.backend)
            planes = np.ascontiguousarray(view)
            seed = _pixel_checksum(planes)
            codes.append(encode_tile(engines[model.sha256], planes, seed, progress=advance, measure=measure))
        return codes

    for model in {m.sha256: m for m in models}.values():
        backends.prepare(model, options.backend)  # fails early, and loads the library that is then limited
    with _single_threaded_products():
        codes = iter(_spread(encode_part, work, options))
    encoded = []
    for image, model, other in zip(pixels, models, changed, strict=True):
        _, height, width = image.planes.shape
        own = [next(codes) for _ in tiles(height, width, options.tile)]
        records = tuple(TileRecord(Method.MIXTURE, code.data) for code in own)
        sections = (Section(SectionType.DIFFERENCES, other.differences),) if embed and other is not None else ()
        file = Container(image.kind, width, height, options.tile, model.id, records, sections)
        bits = sum(code.model_bits or 0.0 for code in own) if measure else None
        encoded.append(Encoded(nlc.pack(file), bits))
    if verify:
        verify_encoded(encoded, pixels, options, {model.id: model for model in models})
    return encoded


def verify_encoded(
    encoded: Sequence[Encoded],
    pixels: Sequence[images.Pixels],
    options: Options,
    models: Mapping[bytes, ExactModel],
) -> None:
    """Decode with ``models``, by id, what was encoded of ``pixels``. Raises NellocError if they do not come back."""
    files = [nlc.parse(e.data, "encoded data", max_pixels=options.max_pixels) for e in encoded]
    decoded = decode_files(files, ["encoded data"] * len(files), options, models=models)
    for image, array in zip(pixels, decoded, strict=True):
        if not np.array_equal(images.to_array(image.planes, image.kind), array):
            raise NellocError("encoded data: does not decode to the same pixels; please report this image")


def model_for(image: images.Pixels, options: Options) -> ExactModel:
    """The model that codes an image if none is adapted to it."""
    return library.find_for(len(image.planes), options.model or library.DEFAULT_MODEL)


def decode_files(
    files: Sequence[Container],
    sources: Sequence[str],
    options: Options,
    *,
    models: Mapping[bytes, ExactModel] | None = None,
    folder: Path | None = None,
) -> list[NDArray[np.uint8]]:
    """Decode parsed files together where they share a model; ``sources`` name them in errors.

    Models are also looked for in ``folder``.
    """
    options.progress.expect(sum(file.width * file.height for file in files))
    results: list[NDArray[np.uint8] | None] = [None] * len(files)
    groups: dict[tuple[bytes, int], list[int]] = {}
    for index, file in enumerate(files):
        groups.setdefault((file.model_id, file.kind.planes), []).append(index)
    for (model_id, _), members in groups.items():
        if models is None:
            found = locate_model(files[members[0]], sources[members[0]], options.model, folder).model
        else:
            found = models[model_id]
        decoded = _decode_group(found, [files[i] for i in members], [sources[i] for i in members], options)
        for index, array in zip(members, decoded, strict=True):
            results[index] = array
    return [array for array in results if array is not None]


def locate_model(file: Container, source: str, given: str | Path | None, folder: Path | None) -> library.Located:
    """The model that a file needs, and where it was found. Raises NellocError if it is missing or damaged."""
    section = file.model_section
    embedded = None if section is None else section.data
    if section is not None and is_differences(section.data) != (section.type == SectionType.DIFFERENCES):
        raise NellocError(f"{source}: the model inside it is not of the kind that it announces; {_RESTORE}")
    return library.locate(file.model_id, source, given, embedded=embedded, folder=folder)


def _decode_group(
    model: ExactModel, files: Sequence[Container], sources: Sequence[str], options: Options
) -> list[NDArray[np.uint8]]:
    """Files of one model and one number of planes."""
    if files[0].kind.planes > model.channels:
        raise NellocError(f"{sources[0]}: is an RGB image, but its model codes gray images only; {_RESTORE}")
    work = []
    for file, source in zip(files, sources, strict=True):
        for tile, record in zip(tiles(file.height, file.width, file.tile), file.tiles, strict=True):
            samples = tile.height * tile.width * file.kind.planes
            if 8 * len(record.data) + CODER_STATE_BITS < MIN_BITS_PER_SAMPLE * samples:
                raise NellocError(f"{source}: a tile has too few bytes for its {samples} samples; {_RESTORE}")
            work.append(EncodedTile(tile.height, tile.width, file.kind.planes, DigitDecoder(record.data)))
    walk = DECODERS[options.decoder]

    def decode_part(part: Sequence[EncodedTile], advance: Advance) -> list[NDArray[np.uint8]]:
        return walk(_engine(model, options.backend), part, advance)

    backends.prepare(model, options.backend)
    with _single_threaded_products():
        decoded = iter(zip(work, _spread(decode_part, work, options), strict=True))
    arrays = []
    for file, source in zip(files, sources, strict=True):
        array = np.empty((file.height, file.width, file.kind.planes), np.uint8)
        for number, tile in enumerate(tiles(file.height, file.width, file.tile)):
            encoded, pixels = next(decoded)
            if not encoded.digits.ends_with(_pixel_checksum(pixels)):
                raise NellocError(
                    f"{source}: the pixels of tile {number} do not match their checksum, so it is damaged; {_RESTORE}"
                )
            array[tile.rows, tile.columns] = pixels.transpose(1, 2, 0)
        arrays.append(array[:, :, 0] if file.kind is Kind.GRAY else array)
    return arrays


def _pixels(image: Source, source: str) -> images.Pixels:
    return images.from_image(image, source) if isinstance(image, Image.Image) else images.from_array(image, source)


def _pixel_checksum(planes: NDArray[np.uint8]) -> int:
    """CRC-32 of a tile's samples, plane after plane in raster order."""
    return zlib.crc32(np.ascontiguousarray(planes))


def _engine(model: ExactModel, backend: str) -> Engine:
    """A fresh engine: engines hold working storage, so each thread has its own."""
    return Engine.of(model, backends.prepare(model, backend))


class _StoppedError(Exception):
    """Ends a thread whose work is not wanted any more."""


def _spread(function: Callable[[Sequence[In], Advance], list[Out]], items: Sequence[In], options: Options) -> list[Out]:
    """``function`` of the items, in parts side by side on ``options.workers`` threads; the results in order.

    ``function`` tells its second argument of the pixels done. An error in one part, or Ctrl-C, stops the others there.
    """
    advance = options.progress.advance
    parts = min(options.workers, len(items))
    if parts < 2:
        return function(items, advance)
    stop = threading.Event()

    def advance_unless_stopped(pixels: int) -> None:
        if stop.is_set():
            raise _StoppedError
        advance(pixels)

    cuts = [len(items) * k // parts for k in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        try:
            futures = [pool.submit(function, items[a:b], advance_unless_stopped) for a, b in pairwise(cuts)]
            return [result for future in futures for result in future.result()]
        except BaseException:
            stop.set()
            raise


@contextmanager
def _single_threaded_products() -> Iterator[None]:
    """Keep matrix products to one thread: tiles are spread over threads instead, which scales better."""
    with threadpool_limits(limits=1):
        yield
