"""Encoding of images to the bytes of files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial

from nelloc.codec import container as nlc
from nelloc.codec.container import Container, Section, TileRecord
from nelloc.codec.decode import PIXELS_AT_ONCE, decode_files, decode_slices, open_file
from nelloc.codec.encode_pieces import CodedPiece, Work, encode_pieces
from nelloc.codec.format import NO_MODEL, SectionType
from nelloc.codec.options import EncodeOptions
from nelloc.codec.parallel import Pool, in_parts, pool_for, single_threaded_products, spread
from nelloc.codec.plan_image import ImagePlans, plans_of
from nelloc.codec.plan_past import has_colour
from nelloc.codec.search import Piece, TileSearch
from nelloc.errors import NellocError
from nelloc.exact import backends, model_store, native
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import Adapted, is_differences
from nelloc.image import Pixels


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
    sources: Sequence[str] | None = None,
) -> list[Encoded]:
    """Code images with one model, or its gray sibling (``model_store.find_for``); ``measure`` counts its own bits too.

    ``adapted`` has models to use instead of those of the ids that are its keys; with ``embed`` files hold them, as with
    ``options.embed`` all that do not come with nelloc. ``sources`` name the images in errors. Raises NellocError if the
    model cannot code an image, and if ``verify`` finds that one does not decode to itself.
    """
    find = cache(partial(_model_for, options=options))
    own = {id_: (other.model, other.stored if embed else None) for id_, other in (adapted or {}).items()}
    names = ["image"] * len(pixels) if sources is None else sources
    jobs = [_job(image, name, options, own, find) for image, name in zip(pixels, names, strict=True)]
    models = {job.model.id: job.model for job in jobs if job.model is not None}
    # Fails early for one that cannot be had; libraries are loaded here, whose threads are limited then.
    if options.backend is None:
        native.levels()
    elif models:
        backends.named(options.backend)
    for id_ in {job.model.id for job in jobs if job.model is not None and job.tries_model}:
        backends.chosen(models[id_], options.backend)
    smallest = partial(_smallest_files, options=options, measure=measure, known={})
    encoded = smallest([(job, job.plans.first) for job in jobs])
    doubtful = [k for k, job in enumerate(jobs) if job.plans.later and len(encoded[k].data) >= job.plans.least]
    others = smallest([(jobs[k], jobs[k].plans.later) for k in doubtful])
    for k, other in zip(doubtful, others, strict=True):
        encoded[k] = min(encoded[k], other, key=lambda one: len(one.data))
    if verify:
        verify_encoded(encoded, pixels, options, models, names)
    return encoded


@dataclass(frozen=True)
class _Job:
    """An image, the ways to code it, and the model if it has colour: that of ``adapted`` if there is one.

    ``held`` is what files that need the model hold of it.
    """

    image: Pixels
    plans: ImagePlans
    model: ExactModel | None
    held: Section | None

    @property
    def tries_model(self) -> bool:
        """True if the model is to code a piece."""
        pieces = (piece for plan in (*self.plans.first, *self.plans.later) for piece in plan.pieces)
        return any(trial.method.needs_model for piece in pieces for trial in piece.trials)


# A model, and its bytes if files are to hold them.
_Found = tuple[ExactModel, bytes | None]


def _job(
    image: Pixels,
    source: str,
    options: EncodeOptions,
    adapted: Mapping[bytes, _Found],
    find: Callable[[int], _Found],
) -> _Job:
    if image.area > options.max_pixels:
        raise NellocError(f"{source}: has more than {options.max_pixels} pixels; raise --max-pixels to code it")
    model, data = find(len(image.planes)) if has_colour(image) else (None, None)
    model, data = (model, data) if model is None else adapted.get(model.id, (model, data))
    held = None if data is None else Section(_MODEL_SECTIONS[is_differences(data)], data)
    return _Job(image, plans_of(image, model, options, source), model, held)


_MODEL_SECTIONS = {False: SectionType.MODEL, True: SectionType.DIFFERENCES}


def _smallest_files(
    tried: Sequence[tuple[_Job, Sequence[TileSearch]]],
    options: EncodeOptions,
    *,
    measure: bool,
    known: dict[Hashable, CodedPiece],
) -> list[Encoded]:
    """The smallest of the files that the plans of each job make; pieces that are coded become ``known``."""
    work = [(piece, job.model) for job, plans in tried for plan in plans for piece in plan.pieces]
    coded = iter(_encode_all(work, options, measure=measure, known=known))
    files = ([_file(job, plan, coded, measure=measure) for plan in plans] for job, plans in tried)
    return [min(own, key=lambda one: len(one.data)) for own in files]


def _file(job: _Job, plan: TileSearch, coded: Iterator[CodedPiece], *, measure: bool) -> Encoded:
    """The file that a plan of a job makes; ``coded`` has its pieces next, in order."""
    image = job.image
    pieces = [next(coded) for _ in plan.pieces]
    records = tuple(TileRecord(piece.method, piece.code.data) for piece in pieces)
    sections = plan.sections
    file = Container(image.kind, image.width, image.height, plan.tile, NO_MODEL, records, sections, plan.joined)
    if job.model is not None and file.needs_model:
        held = () if job.held is None else (job.held,)
        file = replace(file, model_id=job.model.id, sections=(*held, *sections))
    bits = sum(piece.code.model_bits or 0.0 for piece in pieces) if measure else None
    return Encoded(nlc.pack(file), bits)


def _encode_all(
    work: Sequence[Work], options: EncodeOptions, *, measure: bool, known: dict[Hashable, CodedPiece]
) -> list[CodedPiece]:
    """Code pieces, the same ones once, spread over workers, few enough at once to be held in memory."""
    encode_part = partial(encode_pieces, backend=options.backend, measure=measure)
    whole = [[(own, model) for own in piece.apart()] for piece, model in work]
    once = {_same(*own): own for parts in whole for own in parts if _same(*own) not in known}
    new = list(once.values())
    options.progress.expect(sum(piece.samples[0].size * len(piece.trials) for piece, _ in new))
    codes: list[CodedPiece] = []
    pool = pool_for(options.backend)
    # Walks in Python multiply matrices by BLAS; the core does not.
    with nullcontext() if pool is Pool.CORE_THREADS else single_threaded_products():
        for part in in_parts(new, lambda one: one[0].samples[0].size, PIXELS_AT_ONCE * options.workers):
            costs = [piece.samples.size * len(piece.trials) for piece, _ in part]
            codes += spread(encode_part, part, costs, options.workers, options.progress.advance, pool)
    known |= zip(once, codes, strict=True)
    return [min((known[_same(*own)] for own in parts), key=lambda one: len(one.code.data)) for parts in whole]


def _same(piece: Piece, model: ExactModel | None) -> Hashable:
    """A key that pieces share if they are the same samples, to be coded in the same ways."""
    place = piece.samples.__array_interface__
    return (place["data"], place["shape"], place["strides"]), piece.bits, piece.trials, piece.alone, id(model)


def verify_encoded(
    encoded: Sequence[Encoded],
    pixels: Sequence[Pixels],
    options: EncodeOptions,
    models: Mapping[bytes, ExactModel],
    sources: Sequence[str],
) -> None:
    """Decode the files of images with ``models``, by id. Raises NellocError if ``pixels`` do not come back.

    They are decoded by other code than encoded them, where that takes less than twice as long. ``sources`` name the
    images in errors.
    """
    decoding = options.for_decoding(options.backend)
    names = [f"{source}: its encoded data" for source in sources]
    files = [open_file(one.data, name, decoding) for one, name in zip(encoded, names, strict=True)]
    if options.decoder is None and any(file.needs_model for file in files):
        decoding = options.for_decoding(backends.for_check(next(iter(models.values())), options.backend))
    small = [number for number, image in enumerate(pixels) if image.area < PIXELS_AT_ONCE]
    decoded = decode_files([files[k] for k in small], [names[k] for k in small], decoding, models=models)
    backs = dict(zip(small, decoded, strict=True))
    for number, (file, image) in enumerate(zip(files, pixels, strict=True)):
        if number in backs:
            same = image.same_as(backs[number])
        else:
            slices = decode_slices(file, names[number], decoding, models=models)
            same = image.same_in_slices(slices, Pixels.same_as)
        if not same:
            raise NellocError(
                f"{sources[number]}: does not decode to the same pixels and metadata; please report this image"
            )


def model_for(image: Pixels, options: EncodeOptions) -> ExactModel:
    """The model that codes an image, its alpha too, if none is adapted to it."""
    return _model_for(len(image.planes), options)[0]


def _model_for(planes: int, options: EncodeOptions) -> _Found:
    name = options.model or model_store.DEFAULT_MODEL
    return model_store.find_for(planes, name), model_store.to_embed(name) if options.embed else None
