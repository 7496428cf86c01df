"""Encoding of images to the bytes of files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from nelloc.codec import container as nlc
from nelloc.codec import plain_tiles
from nelloc.codec.adaptive import classify
from nelloc.codec.container import Container, Section, TileRecord
from nelloc.codec.decode import PIXELS_AT_ONCE, decode_files, decode_slices, open_file
from nelloc.codec.description import Described, by_levels, describe, missing_levels
from nelloc.codec.effort import Effort
from nelloc.codec.format import LAYERS, NO_MODEL, Method, SectionType
from nelloc.codec.lattice import OnLattice
from nelloc.codec.lzma_rows import Filter, fewest_bytes
from nelloc.codec.options import EncodeOptions
from nelloc.codec.parallel import Pool, in_parts, pool_for, single_threaded_products, spread
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.past.stretched import levels_of_jpeg
from nelloc.codec.plan_past import bits_of, has_colour, is_enough, plan_past
from nelloc.codec.search import Piece, TileSearch, Trial, plans_for
from nelloc.errors import NellocError
from nelloc.exact import backends, model_store, native
from nelloc.exact.callbacks import Advance
from nelloc.exact.encode_tile import TileCode
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import Adapted, is_differences
from nelloc.exact.tile_coder import tile_coder
from nelloc.exact.two_layers import layers_that_learn
from nelloc.image import Pixels
from nelloc.image.kinds import Kind
from nelloc.image.pixels import Samples


@dataclass(frozen=True)
class Encoded:
    """A coded image: the file's bytes and, if measured, the bits that the model itself asks for."""

    data: bytes
    model_bits: float | None


def encode_pixels(
    pixels: Sequence[Pixels],
    options: EncodeOptions,
    *,
    verify: bool,
    measure: bool = False,
    adapted: Mapping[bytes, Adapted] | None = None,
    embed: bool = False,
) -> list[Encoded]:
    """Code images with one model, or its gray sibling (``library.find_for``); with ``measure`` count its own bits too.

    ``adapted`` has models to use instead of those of the ids that are its keys; with ``embed`` files hold them, as with
    ``options.embed`` all that do not come with nelloc. Raises NellocError if the model cannot code an image, and if
    ``verify`` finds that one does not decode to itself.
    """
    find = cache(partial(_model_for, options=options))
    own = {id_: (other.model, other.stored if embed else None) for id_, other in (adapted or {}).items()}
    jobs = [_job(image, options, own, find) for image in pixels]
    models = {job.model.id: job.model for job in jobs if job.model is not None}
    # Fails early for one that cannot be had; libraries are loaded here, whose threads are limited then.
    if options.backend is None:
        native.levels()
    elif models:
        backends.named(options.backend)
    for id_ in {job.model.id for job in jobs if job.model is not None and job.tries_model}:
        backends.chosen(models[id_], options.backend)
    work = [(piece, job.model) for job in jobs for plan in job.plans for piece in plan.pieces]
    coded = iter(_encode_all(work, options, measure=measure))
    encoded = [_smallest_file(job, coded, measure=measure) for job in jobs]
    if verify:
        verify_encoded(encoded, pixels, options, models)
    return encoded


@dataclass(frozen=True)
class _Job:
    """An image, the ways to code it, and the model if it has colour: that of ``adapted`` if there is one.

    ``held`` is what files that need the model hold of it.
    """

    image: Pixels
    plans: list[TileSearch]
    model: ExactModel | None
    held: Section | None

    @property
    def tries_model(self) -> bool:
        """True if the model is to code a piece."""
        pieces = (piece for plan in self.plans for piece in plan.pieces)
        return any(trial.method.needs_model for piece in pieces for trial in piece.trials)


# A model, and its bytes if files are to hold them.
_Found = tuple[ExactModel, bytes | None]


def _job(image: Pixels, options: EncodeOptions, adapted: Mapping[bytes, _Found], find: Callable[[int], _Found]) -> _Job:
    if image.area > options.max_pixels:
        raise NellocError(f"image: has more than {options.max_pixels} pixels; raise --max-pixels to code it")
    model, data = find(len(image.planes)) if has_colour(image) else (None, None)
    model, data = (model, data) if model is None else adapted.get(model.id, (model, data))
    held = None if data is None else Section(_MODEL_SECTIONS[is_differences(data)], data)
    learns = layers_that_learn(model) if options.learn and model is not None else 0
    what = describe(image)
    plans = plan_past(image, what, options, learns=learns)
    if not is_enough(plans, image):
        ways, more = _by_levels(image, what, model, options, learns=learns)
        plans += more
        if not is_enough(more, image):
            plans += [plan for way in ways for plan in _plans(image.kind, way, options, learns=learns)]
    return _Job(image, plans, model, held)


def coded_planes(image: Pixels, model: ExactModel, options: EncodeOptions) -> Samples:
    """Samples of the first group (planes, H, W) as a model codes them: those of a stretched image by their levels."""
    learns = layers_that_learn(model) if options.learn else 0
    return _by_levels(image, describe(image), model, options, learns=learns)[0][0].groups[0]


def _plans(kind: Kind, what: Described, options: EncodeOptions, *, learns: int) -> list[TileSearch]:
    """Plans of an image as it is described, with all sections but that of a model."""
    bits = bits_of(kind, what)
    plans = plans_for(kind, what.groups, bits, options.tile, options.effort, learns=learns, lattices=options.lattice)
    return [replace(plan, sections=(*plan.sections, *what.sections)) for plan in plans]


# The side of the part of an image that is coded both ways, to choose between them.
_PROBE = 128


def _by_levels(
    image: Pixels, what: Described, model: ExactModel | None, options: EncodeOptions, *, learns: int
) -> tuple[list[Described], list[TileSearch]]:
    """Descriptions of an image to plan, and, if the numbers of its levels are a JPEG's samples, plans as that JPEG.

    The description is numbered by levels if the image seems to be stretched and a part of it is smaller so. With a high
    effort both are planned, the likelier first.
    """
    lacking = missing_levels(image.kind, what) if options.levels else []
    if not any(map(any, lacking)):
        return [what], []
    placed = None if image.kind.deep else levels_of_jpeg(what.groups[0], lacking[0])
    plans: list[TileSearch] = []
    if placed is None:
        numbered = by_levels(image.kind, what, lacking)
    else:
        numbered = by_levels(image.kind, what, [placed, *lacking[1:]], placed=True)
        plans = plan_past(image, numbered, options, learns=learns)
    best = is_enough(plans, image) or _is_smaller(image, what, numbered, model, options, learns=learns)
    ways = [numbered, what] if best else [what, numbered]
    return ways[: 2 if options.effort >= Effort.LARGE_PHOTOGRAPHS else 1], plans


def _is_smaller(
    image: Pixels,
    what: Described,
    numbered: Described,
    model: ExactModel | None,
    options: EncodeOptions,
    *,
    learns: int,
) -> bool:
    """True if a part of an image takes fewer bytes as it is ``numbered`` by levels, their lists included."""
    if not classify.is_photograph(_middle(numbered.groups[0])):
        return False
    sizes = []
    for one in (what, numbered):
        part = replace(one, groups=tuple(_middle(group) for group in one.groups))
        plan = _plans(image.kind, part, replace(options, tile=_PROBE), learns=learns)[0]
        coded = _encode_pieces([(piece, model) for piece in plan.pieces], lambda _: None, backend=options.backend)
        sizes.append(sum(len(piece.code.data) for piece in coded))
    lists = sum(len(one.data) for one in numbered.sections) - sum(len(one.data) for one in what.sections)
    part, saved = _middle(image.planes)[0].size, sizes[0] - sizes[1]
    return saved * image.area > lists * part


def _middle(samples: Samples) -> Samples:
    """The middle of samples (planes, H, W)."""
    top, left = (max(0, (size - _PROBE) // 2) for size in samples.shape[1:])
    return samples[:, top : top + _PROBE, left : left + _PROBE]


_MODEL_SECTIONS = {False: SectionType.MODEL, True: SectionType.DIFFERENCES}


_Work = tuple[Piece, ExactModel | None]


@dataclass(frozen=True)
class _Coded:
    """A coded piece: the method that made it smallest, and its bytes."""

    method: Method
    code: TileCode


def _smallest_file(job: _Job, coded: Iterator[_Coded], *, measure: bool) -> Encoded:
    """The smallest of the files that the plans of a job make; ``coded`` has their pieces next, in order."""
    image, results = job.image, []
    for plan in job.plans:
        pieces = [next(coded) for _ in plan.pieces]
        records = tuple(TileRecord(piece.method, piece.code.data) for piece in pieces)
        sections = plan.sections
        file = Container(image.kind, image.width, image.height, plan.tile, NO_MODEL, records, sections, plan.joined)
        if job.model is not None and file.needs_model:
            held = () if job.held is None else (job.held,)
            file = replace(file, model_id=job.model.id, sections=(*held, *sections))
        bits = sum(piece.code.model_bits or 0.0 for piece in pieces) if measure else None
        results.append(Encoded(nlc.pack(file), bits))
    return min(results, key=lambda result: len(result.data))


def _encode_all(work: Sequence[_Work], options: EncodeOptions, *, measure: bool) -> list[_Coded]:
    """Code pieces, the same ones once, spread over workers, few enough at once to be held in memory."""
    encode_part = partial(_encode_pieces, backend=options.backend, measure=measure)
    whole = [[(own, model) for own in piece.apart()] for piece, model in work]
    once = {_same(piece, model): (piece, model) for parts in whole for piece, model in parts}
    work = list(once.values())
    options.progress.expect(sum(piece.samples[0].size * len(piece.trials) for piece, _ in work))
    codes: list[_Coded] = []
    pool = pool_for(options.backend)
    # Walks in Python multiply matrices by BLAS; the core does not.
    with nullcontext() if pool is Pool.CORE_THREADS else single_threaded_products():
        for part in in_parts(work, lambda one: one[0].samples[0].size, PIXELS_AT_ONCE * options.workers):
            costs = [piece.samples.size * len(piece.trials) for piece, _ in part]
            codes += spread(encode_part, part, costs, options.workers, options.progress.advance, pool)
    found = dict(zip(once, codes, strict=True))
    return [min((found[_same(*own)] for own in parts), key=lambda one: len(one.code.data)) for parts in whole]


def _same(piece: Piece, model: ExactModel | None) -> Hashable:
    """A key that pieces share if they are the same samples, to be coded in the same ways."""
    place = piece.samples.__array_interface__
    return (place["data"], place["shape"], place["strides"]), piece.bits, piece.trials, piece.alone, id(model)


# The number of a piece, and one of its trials.
_Place = tuple[int, Trial]
# Bytes of the checksum of a small file whose method has none.
_CHECKSUM = 2


def _encode_pieces(
    work: Sequence[_Work], advance: Advance, *, backend: str | None, measure: bool = False
) -> list[_Coded]:
    """Code pieces in all ways of their trials, and keep the smallest result of each."""
    of_past: list[_Place] = []
    modelled: list[_Place] = []
    plain: list[_Place] = []
    for number, (piece, _) in enumerate(work):
        for trial in piece.trials:
            kind = modelled if trial.method.needs_model else plain
            (of_past if isinstance(trial.setting, past_pixels.Made) else kind).append((number, trial))
    found = _encode_of_past(work, of_past, advance, backend=backend, measure=measure)
    encode_modelled = partial(_encode_modelled, work, advance=advance, backend=backend, measure=measure)
    encode_plain = partial(_encode_plain, work, advance=advance, backend=backend, measure=measure)
    for encode, places in ((encode_modelled, modelled), (encode_plain, plain)):
        found |= encode([(number, trial) for number, trial in places if trial.least == 0])
    for encode, places in ((encode_modelled, modelled), (encode_plain, plain)):
        later = [(number, trial) for number, trial in places if trial.least != 0]
        found |= encode(_promising(work, later, found, advance))
    results = []
    for number, (piece, _) in enumerate(work):
        costs = {
            trial: len(found[number, trial].data) + _CHECKSUM * (piece.alone and not trial.method.checks_pixels)
            for trial in piece.trials
            if (number, trial) in found
        }
        best = min(costs, key=costs.__getitem__)
        results.append(_Coded(best.method, found[number, best]))
    return results


def _promising(
    work: Sequence[_Work], places: Sequence[_Place], found: Mapping[_Place, TileCode], advance: Advance
) -> list[_Place]:
    """Leave out the trials of pieces of which another has made a smaller record than is to be expected."""
    sizes: dict[int, int] = {}  # of the smallest record of each piece
    for (number, _), code in found.items():
        sizes[number] = min(len(code.data), sizes.get(number, len(code.data)))
    promising = []
    for number, trial in places:
        samples = work[number][0].samples
        least = trial.least
        if least is None and number in sizes:
            assert isinstance(trial.setting, Filter)
            least = fewest_bytes(samples, trial.setting)
        if least is None or least <= sizes.get(number, least):
            promising.append((number, trial))
        else:
            advance(samples[0].size)
    return promising


def _encode_of_past(
    work: Sequence[_Work], places: Sequence[_Place], advance: Advance, *, backend: str | None, measure: bool
) -> dict[_Place, TileCode]:
    """Code pieces of ``work`` as what a JPEG gets wrong of them."""
    found = {}
    for number, trial in places:
        assert isinstance(trial.setting, past_pixels.Made)
        samples, core = work[number][0].samples, backend in (None, backends.NATIVE)
        data = past_pixels.encode_corrections(samples, trial.setting.pixels, core=core)
        found[number, trial] = TileCode(data, 8.0 * len(data) if measure else None)
        advance(samples[0].size)
    return found


def _encode_modelled(
    work: Sequence[_Work], places: Sequence[_Place], advance: Advance, *, backend: str | None, measure: bool
) -> dict[_Place, TileCode]:
    """Code pieces of ``work`` with their models, those of one model that are coded alike together."""
    groups: dict[tuple[bytes, int, int, Trial], list[_Place]] = {}
    for number, trial in places:
        piece, model = work[number]
        assert model is not None, "only images with colour are coded with a model"
        groups.setdefault((model.sha256, piece.bits, len(piece.samples), trial), []).append((number, trial))
    found: dict[_Place, TileCode] = {}
    for (_, bits, _, trial), members in groups.items():
        model = work[members[0][0]][1]
        assert model is not None
        own = trial.setting if isinstance(trial.setting, OnLattice) else None
        method, rule, head = (trial.method, None, b"") if own is None else (own.below, own.rule, own.byte)
        coder = tile_coder(model, bits, learns=LAYERS[method], rule=rule, backend=backend)
        coded = coder.encode([work[number][0].samples for number, _ in members], advance, measure=measure)
        found |= zip(members, (replace(code, data=head + code.data) for code in coded), strict=True)
    return found


def _encode_plain(
    work: Sequence[_Work], places: Sequence[_Place], advance: Advance, *, backend: str | None, measure: bool
) -> dict[_Place, TileCode]:
    """Code pieces of ``work`` in ways that need no model."""
    tiles: list[Any] = [(trial.method, work[n][0].samples, work[n][0].bits, trial.setting) for n, trial in places]
    coded = plain_tiles.encode_many(tiles, advance, core=backend in (None, backends.NATIVE))
    codes = (TileCode(data, 8.0 * len(data) if measure else None) for data in coded)
    return dict(zip(places, codes, strict=True))


def verify_encoded(
    encoded: Sequence[Encoded],
    pixels: Sequence[Pixels],
    options: EncodeOptions,
    models: Mapping[bytes, ExactModel],
) -> None:
    """Decode ``data`` with ``models``, by id. Raises NellocError if ``pixels`` do not come back.

    It is decoded by other code than encoded it, where that takes less than twice as long.
    """
    name, decoding = "encoded data", options.for_decoding(options.backend)
    files = [open_file(e.data, name, decoding) for e in encoded]
    if options.decoder is None and any(file.needs_model for file in files):
        decoding = options.for_decoding(backends.for_check(next(iter(models.values())), options.backend))
    pairs = list(zip(files, pixels, strict=True))
    small = [(file, image) for file, image in pairs if image.area < PIXELS_AT_ONCE]
    decoded = decode_files([file for file, _ in small], [name] * len(small), decoding, models=models)
    same = all(image.same_as(back) for (_, image), back in zip(small, decoded, strict=True))
    for file, image in pairs:
        if image.area >= PIXELS_AT_ONCE:
            same &= image.same_in_slices(decode_slices(file, name, decoding, models=models), Pixels.same_as)
    if not same:
        raise NellocError("encoded data: does not decode to the same pixels and metadata; please report this image")


def model_for(image: Pixels, options: EncodeOptions) -> ExactModel:
    """The model that codes an image, its alpha too, if none is adapted to it."""
    return _model_for(len(image.planes), options)[0]


def _model_for(planes: int, options: EncodeOptions) -> _Found:
    name = options.model or model_store.DEFAULT_MODEL
    return model_store.find_for(planes, name), model_store.to_embed(name) if options.embed else None
