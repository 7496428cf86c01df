"""The whole path: image to bytes and back. The only place that knows all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc import image as images
from nelloc.codec import container as nlc
from nelloc.codec import plain_tiles
from nelloc.codec.container import NO_MODEL, Container, Method, Section, SectionType, TileRecord
from nelloc.codec.decode import PIXELS_AT_ONCE, decode_files, decode_slices, open_file
from nelloc.codec.description import Described, describe
from nelloc.codec.effort import DEFAULT_EFFORT, Effort
from nelloc.codec.parallel import in_parts, pool_for, single_threaded_products, spread
from nelloc.codec.search import Piece, Plan, Trial, plans_for
from nelloc.codec.tiling import MAX_TILE, MIN_TILE, Rectangle
from nelloc.errors import NellocError
from nelloc.exact import backends, model_store
from nelloc.exact.decoders import DECODERS
from nelloc.exact.encode_tile import TileCode
from nelloc.exact.engine import Advance
from nelloc.exact.learning import can_learn
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import Adapted
from nelloc.exact.tile_coder import tile_coder
from nelloc.image import Pixels
from nelloc.image.kinds import Role
from nelloc.image.limits import MAX_PIXELS

Buffer = bytes | bytearray | memoryview
Source = Image.Image | NDArray[np.uint8] | NDArray[np.uint16] | Pixels


class Progress:
    """What is told of the work done; this one does nothing with it. Called from several threads."""

    def expect(self, pixels: int) -> None:
        """So many more pixels will be coded."""

    def advance(self, pixels: int) -> None:
        """So many pixels were coded since the last call."""


MAX_MINUTES = 10_000


@dataclass(frozen=True)
class Options:
    """How to code. None of these changes the pixels; ``model``, ``tile``, ``effort``, ``strip`` and what adapts the
    model change the bytes. With ``strip`` metadata is left out. ``effort`` is a level of ``nelloc.codec.effort``;
    without ``tile`` it chooses the tiles too.

    With ``adapt`` the model is first fine-tuned on what is coded, which needs torch, for about ``adapt_minutes`` (by
    default chosen from the number of pixels), and the files hold it, if that makes them smaller. Decoding, ``region``
    asks for a part of the image, and ``allow_damaged`` for what is left of damaged ones.

    With ``learn`` the model's last layer learns from each tile while it is coded (docs/FORMAT.md, section 14), which
    makes files smaller, and encoding and decoding slower. A model that cannot learn is used as it is.
    """

    model: str | Path | None = None
    tile: int | None = None
    effort: int = DEFAULT_EFFORT
    backend: str | None = None
    decoder: str | None = None
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    progress: Progress = field(default_factory=Progress)
    adapt: bool = False
    adapt_minutes: float | None = None
    learn: bool = True
    strip: bool = False
    region: Rectangle | None = None
    allow_damaged: bool = False

    def __post_init__(self) -> None:
        if self.tile is not None and not MIN_TILE <= self.tile <= MAX_TILE:
            raise NellocError(f"tile size {self.tile}: out of range; choose {MIN_TILE} to {MAX_TILE}")
        if self.effort not in set(Effort):
            raise NellocError(f"effort {self.effort}: choose {min(Effort)} to {max(Effort)}")
        if self.decoder is not None and self.decoder not in DECODERS:
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

    ``image``: a Pillow image (docs/FORMAT.md says of which modes), or an array (H, W) or (H, W, 2 to 4), uint8 or
    uint16. Keywords are the fields of ``Options``. With ``verify`` the result is decoded and compared. Raises
    NellocError for an image that cannot be kept exactly, and if verification fails.
    """
    return encode_many([image], verify=verify, options=options, **fields)[0]


def encode_many(
    images: Sequence[Source], *, verify: bool = True, options: Options | None = None, **fields: Any
) -> list[bytes]:
    """The .nlc bytes of each of several images; the same bytes as one by one. See ``encode``."""
    options = options or Options(**fields)
    names = [f"image {number}" if len(images) > 1 else "image" for number in range(len(images))]
    pixels = [_pixels(image, name) for image, name in zip(images, names, strict=True)]
    if options.strip:
        pixels = [item.stripped() for item in pixels]
    if not options.adapt:
        return [encoded.data for encoded in encode_pixels(pixels, options, verify=verify)]
    from nelloc.training.adapt.encode import encode_adapted

    return [encode_adapted([item], options, verify=verify, embed=True)[0][0].data for item in pixels]


def decode(data: Buffer, *, options: Options | None = None, **fields: Any) -> NDArray[Any]:
    """The samples of .nlc bytes, as ``numpy.asarray`` gives those of a Pillow image.

    (H, W) for gray, (H, W, 2) for gray and alpha, (H, W, 3) for RGB, (H, W, 4) for RGBA, uint8 or uint16; (H, W)
    indices for an image with a palette, and bool for a bilevel one; in C order. Keywords are the fields of ``Options``.
    Raises NellocError for bytes that are not a whole and undamaged file.
    """
    return decode_many([data], options=options, **fields)[0]


def decode_many(data: Sequence[Buffer], *, options: Options | None = None, **fields: Any) -> list[NDArray[Any]]:
    """The samples of each of several files, decoded together: much faster for small images. See ``decode``."""
    options = options or Options(**fields)
    names = ["data"] if len(data) == 1 else [f"file {number}" for number in range(len(data))]
    files = [open_file(bytes(memoryview(item)), name, options) for item, name in zip(data, names, strict=True)]
    return [np.ascontiguousarray(images.to_array(pixels)) for pixels in decode_files(files, names, options)]


def encode_pixels(
    pixels: Sequence[Pixels],
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
    find = cache(partial(_model_for, options=options))
    jobs = [_job(image, options, adapted or {}, find) for image in pixels]
    models = {job.model.id: job.model for job in jobs if job.model is not None}
    for model in models.values():
        backends.chosen(model, options.backend)  # fails early, and loads the library that is then limited
    work = [(piece, job.model) for job in jobs for plan in job.plans for piece in plan.pieces]
    coded = iter(_encode_all(work, options, measure=measure))
    encoded = [_smallest_file(job, coded, embed=embed, measure=measure) for job in jobs]
    if verify:
        verify_encoded(encoded, pixels, options, models)
    return encoded


@dataclass(frozen=True)
class _Job:
    """An image, the ways to code it, and the model if it has colour: that of ``adapted`` if there is one."""

    image: Pixels
    described: Described
    plans: list[Plan]
    model: ExactModel | None
    adapted: Adapted | None


def _job(image: Pixels, options: Options, adapted: Mapping[bytes, Adapted], find: Callable[[int], ExactModel]) -> _Job:
    if image.area > options.max_pixels:
        raise NellocError(f"image: has more than {options.max_pixels} pixels; raise --max-pixels to code it")
    model = find(len(image.planes)) if has_colour(image) else None
    other = None if model is None else adapted.get(model.id)
    model = model if other is None else other.model
    what = describe(image)
    bits = [min(group.bits, depth.bits) for group, depth in zip(image.kind.groups, what.depths, strict=True)]
    learns = options.learn and model is not None and can_learn(model)
    plans = plans_for(image.kind, what.groups, bits, options.tile, options.effort, learns=learns)
    return _Job(image, what, plans, model, other)


_Work = tuple[Piece, ExactModel | None]


@dataclass(frozen=True)
class _Coded:
    """A coded piece: the method that made it smallest, and its bytes."""

    method: Method
    code: TileCode


def _smallest_file(job: _Job, coded: Iterator[_Coded], *, embed: bool, measure: bool) -> Encoded:
    """The smallest of the files that the plans of a job make; ``coded`` has their pieces next, in order."""
    image, results = job.image, []
    for plan in job.plans:
        pieces = [next(coded) for _ in plan.pieces]
        records = tuple(TileRecord(piece.method, piece.code.data) for piece in pieces)
        sections = job.described.sections
        file = Container(image.kind, image.width, image.height, plan.tile, NO_MODEL, records, sections, plan.joined)
        if job.model is not None and file.needs_model:
            file = replace(file, model_id=job.model.id)
            if embed and job.adapted is not None:
                file = replace(file, sections=(Section(SectionType.DIFFERENCES, job.adapted.differences), *sections))
        bits = sum(piece.code.model_bits or 0.0 for piece in pieces) if measure else None
        results.append(Encoded(nlc.pack(file), bits))
    return min(results, key=lambda result: len(result.data))


def _encode_all(work: Sequence[_Work], options: Options, *, measure: bool) -> list[_Coded]:
    """Code pieces, spread over workers, few enough at once to be held in memory."""
    options.progress.expect(sum(piece.samples[0].size * len(piece.trials) for piece, _ in work))
    encode_part = partial(_encode_pieces, backend=options.backend, measure=measure)
    codes: list[_Coded] = []
    with single_threaded_products():
        for part in in_parts(work, lambda one: one[0].samples[0].size, PIXELS_AT_ONCE * options.workers):
            costs = [piece.samples.size * len(piece.trials) for piece, _ in part]
            pool = pool_for(options.backend)
            codes += spread(encode_part, part, costs, options.workers, options.progress.advance, pool)
    return codes


def _encode_pieces(work: Sequence[_Work], advance: Advance, *, backend: str | None, measure: bool) -> list[_Coded]:
    """Code pieces in all ways that are tried, and keep the smallest of each."""
    found: dict[tuple[int, Trial], TileCode] = {}
    modelled: dict[tuple[bytes, int, int, Method], list[tuple[int, Trial]]] = {}
    without_model = []
    for number, (piece, model) in enumerate(work):
        for trial in piece.trials:
            if trial.method.needs_model:
                assert model is not None, "only images with colour are coded with a model"
                key = (model.sha256, piece.bits, len(piece.samples), trial.method)
                modelled.setdefault(key, []).append((number, trial))
            else:
                without_model.append((number, trial))
    for (_, bits, _, method), places in modelled.items():
        model = work[places[0][0]][1]
        assert model is not None
        coder = tile_coder(model, bits, learns=method is Method.LEARNING, backend=backend)
        coded = coder.encode([work[number][0].samples for number, _ in places], advance, measure=measure)
        found |= zip(places, coded, strict=True)
    tiles = [(trial.method, work[n][0].samples, work[n][0].bits, trial.way) for n, trial in without_model]
    for place, data in zip(
        without_model, plain_tiles.encode_many(tiles, advance, core=backend in (None, backends.NATIVE)), strict=True
    ):
        found[place] = TileCode(data, 8.0 * len(data) if measure else None)
    results = []
    for number, (piece, _) in enumerate(work):
        best = min(piece.trials, key=lambda trial: len(found[number, trial].data))
        results.append(_Coded(best.method, found[number, best]))
    return results


def verify_encoded(
    encoded: Sequence[Encoded],
    pixels: Sequence[Pixels],
    options: Options,
    models: Mapping[bytes, ExactModel],
) -> None:
    """Decode with ``models``, by id, what was encoded of ``pixels``. Raises NellocError if they do not come back.

    It is decoded by other code than encoded it, where that takes less than twice as long.
    """
    options = replace(options, region=None, allow_damaged=False)
    if models and options.decoder is None:
        options = replace(options, backend=backends.for_check(next(iter(models.values())), options.backend))
    name = "encoded data"
    files = [open_file(e.data, name, options) for e in encoded]
    pairs = list(zip(files, pixels, strict=True))
    small = [(file, image) for file, image in pairs if image.area < PIXELS_AT_ONCE]
    decoded = decode_files([file for file, _ in small], [name] * len(small), options, models=models)
    same = all(image.same_as(back) for (_, image), back in zip(small, decoded, strict=True))
    for file, image in pairs:
        if image.area >= PIXELS_AT_ONCE:
            same &= image.same_in_slices(decode_slices(file, name, options, models=models), Pixels.same_as)
    if not same:
        raise NellocError("encoded data: does not decode to the same pixels and metadata; please report this image")


def model_for(image: Pixels, options: Options) -> ExactModel:
    """The model that codes an image, its alpha too, if none is adapted to it."""
    return _model_for(len(image.planes), options)


def _model_for(planes: int, options: Options) -> ExactModel:
    return model_store.find_for(planes, options.model or model_store.DEFAULT_MODEL)


def has_colour(image: Pixels) -> bool:
    """True if a model may code the image: indices and bits mean nothing to one."""
    return image.kind.groups[0].role is Role.COLOUR


def _pixels(image: Source, source: str) -> Pixels:
    if isinstance(image, Pixels):
        return image
    return images.from_image(image, source) if isinstance(image, Image.Image) else images.from_array(image, source)
