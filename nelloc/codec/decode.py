"""Decoding of parsed files: whole images, regions, and the rest of damaged images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from nelloc.codec import plain_tiles
from nelloc.codec.canvas import Canvas, LazyPast, Stream, whole_tiles
from nelloc.codec.container import Container, parse
from nelloc.codec.description import read_description
from nelloc.codec.format import LAYERS, Method, SectionType
from nelloc.codec.lattice import OnLattice
from nelloc.codec.options import DecodeOptions
from nelloc.codec.parallel import Pool, in_parts, pool_for, single_threaded_products, spread
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.past.jpeg_file import about, unpack_file
from nelloc.codec.tiling import Rectangle, cuts
from nelloc.errors import RESTORE, NellocError
from nelloc.exact import backends, model_store, native
from nelloc.exact.callbacks import Advance
from nelloc.exact.lattice import Rule
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import is_differences
from nelloc.exact.tile_coder import tile_coder
from nelloc.exact.two_layers import layers_that_learn
from nelloc.image.formats import jpeg
from nelloc.image.pixels import Pixels, Samples
from nelloc.image.reading import read
from nelloc.varint import MalformedError

# Pixels that a thread codes at once: more make no step wider, and what is being decoded is in memory twice.
PIXELS_AT_ONCE = 1 << 22


def open_file(data: bytes, source: str, options: DecodeOptions) -> Container:
    """Parse .nlc bytes; ``source`` names them in errors. Raises NellocError if they are not a whole file.

    With ``options.allow_damaged`` damaged tiles are not an error, nor if only a region is wanted, which may not contain
    them. The former option also permits other damage that costs no pixels; ``Container.damage`` names it.
    """
    keep_damaged = options.allow_damaged or options.region is not None
    file = parse(data, source, max_pixels=options.max_pixels, keep_damaged=keep_damaged)
    if file.damage and not options.allow_damaged:
        raise NellocError(f"{source}: is damaged ({'; '.join(file.damage)}); {RESTORE}")
    return file


def decode_files(
    files: Sequence[Container],
    sources: Sequence[str],
    options: DecodeOptions,
    *,
    models: Mapping[bytes, ExactModel] | None = None,
) -> list[Pixels]:
    """Decode parsed files together where they share a model; ``sources`` name them in errors.

    Of each file ``options.region`` is decoded, if there is one. With ``options.allow_damaged`` tiles that are damaged
    are marked (``mark``) and named in ``Pixels.damaged``; without it they raise NellocError.
    """
    canvases: list[Canvas] = []
    found: list[Callable[[], Pixels]] = []
    for file, source in zip(files, sources, strict=True):
        wanted = _wanted(file, source, options)
        if file.jpeg is not None:
            found.append(partial(_of_jpeg, file, source, options, wanted))
            continue
        past = LazyPast(file, source, options.progress)
        canvases.append(Canvas.of(file, source, read_description(file, source), wanted, past))
        found.append(canvases[-1].image)
    options.progress.expect(sum(canvas.pixels for canvas in canvases))
    _decode(canvases, options, _finder(options, models))
    return [image() for image in found]


def _of_jpeg(file: Container, source: str, options: DecodeOptions, wanted: Rectangle) -> Pixels:
    """A part of the pixels of the JPEG file that a file holds, as Pillow decodes it.

    Of several images in it that is the first, which all programs show.
    """
    restored = unpack_file(file, source, options, allow_damaged=options.allow_damaged)
    pixels = _pixels_of_jpeg(_ended(restored.data, file, source), source, options)
    if not Rectangle(0, 0, pixels.height, pixels.width).holds(wanted):
        raise NellocError(f"{source}: its JPEG file has no size, so it has no regions; decode the whole file")
    if wanted != Rectangle(0, 0, file.height, file.width):
        groups = tuple(group[:, wanted.rows, wanted.columns] for group in pixels.groups)
        pixels = replace(pixels, groups=groups)
    return replace(pixels, damaged=restored.damaged)


def _ended(data: bytes, file: Container, source: str) -> bytes:
    """A JPEG file with the end marker that it lacks, if its coefficients are complete all the same."""
    if jpeg.end_of(data) is not None:
        return data
    known = about(file, source)
    return data + jpeg.END if known.coefficients and known.coding != "progressive" else data


def _pixels_of_jpeg(data: bytes, source: str, options: DecodeOptions) -> Pixels:
    """Decode a JPEG file. Raises NellocError, which says how to get the file itself."""
    try:
        return read(data, source, max_pixels=options.max_pixels)
    except NellocError as error:
        cause = str(error).removeprefix(f"{source}: ").partition(";")[0]
        raise NellocError(
            f"{source}: the JPEG file that it holds {cause}, so that its pixels cannot be given; decompress to a name "
            "in .jpg, which gives the file byte for byte"
        ) from error


def decode_slices(
    file: Container,
    source: str,
    options: DecodeOptions,
    *,
    models: Mapping[bytes, ExactModel] | None = None,
) -> Iterator[Pixels]:
    """Decode one file by rows of tiles: the image, or ``options.region``, in slices from top to bottom.

    A small image is one slice. Otherwise as ``decode_files``.
    """
    if file.jpeg is not None:
        yield _of_jpeg(file, source, options, _wanted(file, source, options))
        return
    what, find = read_description(file, source), _finder(options, models)
    made = LazyPast(file, source, options.progress)
    parts = _slices(file, _wanted(file, source, options), PIXELS_AT_ONCE * options.workers)
    areas = [whole_tiles(file, part) for part in parts]
    options.progress.expect(len(file.groups) * sum(area.height * area.width for area in areas))
    for part in parts:
        canvas = Canvas.of(file, source, what, part, made)
        _decode([canvas], options, find)
        yield canvas.image()


def _slices(file: Container, wanted: Rectangle, pixels: int) -> list[Rectangle]:
    """Cut a part of an image into slices of at least ``pixels`` pixels, at the ends of rows of tiles."""
    parts, top = [], wanted.top
    for end in cuts(file.height, file.tile)[1:]:
        bottom = min(end, wanted.bottom)
        if bottom > top and ((bottom - top) * wanted.width >= pixels or bottom == wanted.bottom):
            parts.append(Rectangle(top, wanted.left, bottom - top, wanted.width))
            top = bottom
    return parts


def _wanted(file: Container, source: str, options: DecodeOptions) -> Rectangle:
    """Part of an image to decode. Raises NellocError if it is not inside the image."""
    whole = Rectangle(0, 0, file.height, file.width)
    wanted = options.region or whole
    if not whole.holds(wanted):
        raise NellocError(
            f"{source}: has {file.width} x {file.height} pixels, and the region {wanted} is not inside; choose "
            "one that is"
        )
    return wanted


def _decode(canvases: Sequence[Canvas], options: DecodeOptions, find: _Find) -> None:
    """Fill canvases, those of files that share a model together."""
    if canvases and options.backend not in (None, backends.CHECK):
        backends.named(options.backend)  # also where no tile needs a model, as for encoding
    streams: dict[tuple[_ModelKey, Method, bytes, int, int], list[Stream]] = {}
    without_model = []
    for canvas in canvases:
        for stream in canvas.streams():
            if stream.record.damaged or not stream.record.method.needs_model:
                without_model.append(stream)
            else:
                key = (_model_key(canvas.file), stream.record.method, stream.head, len(stream.target), stream.bits)
                streams.setdefault(key, []).append(stream)
    _decode_without_model(without_model, options)
    for members in streams.values():
        first = members[0].canvas
        _decode_streams(find(first.file, first.source), members, options)


# A model's id, and its bytes if the file has them: another file with the same id need not find it.
_ModelKey = tuple[bytes, bytes | None]
_Find = Callable[[Container, str], ExactModel]


def _model_key(file: Container) -> _ModelKey:
    section = file.model_section
    return file.model_id, None if section is None else section.data


def _finder(options: DecodeOptions, models: Mapping[bytes, ExactModel] | None) -> _Find:
    """Make the function that finds the model of a file, in ``models`` or by one search."""
    given = models or {}
    found: dict[_ModelKey, ExactModel] = {}

    def find(file: Container, source: str) -> ExactModel:
        if file.model_id in given:
            return given[file.model_id]
        key = _model_key(file)
        if key not in found:
            found[key] = locate_model(file, source, options.model).model
        return found[key]

    return find


def locate_model(file: Container, source: str, given: str | Path | None) -> model_store.Located:
    """The model that a file needs, and where it was found. Raises NellocError if it is missing or damaged."""
    section = file.model_section
    embedded = None if section is None else section.data
    if section is not None and is_differences(section.data) != (section.type == SectionType.DIFFERENCES):
        raise NellocError(f"{source}: the model inside it is not of the kind that it announces; {RESTORE}")
    return model_store.locate(file.model_id, source, given, embedded=embedded)


def _decode_without_model(streams: Sequence[Stream], options: DecodeOptions) -> None:
    """Decode streams that need no model into their places."""
    whole = []
    for stream in _without_problems(streams, options):
        if stream.record.method is Method.PAST:
            _correct(stream, options)
        else:
            whole.append(stream)
    for part in in_parts(whole, _pixels, PIXELS_AT_ONCE):
        work = [(s.record.method, s.record.data, s.target.shape, min(s.bits, s.group.bits)) for s in part]
        # Adaptive tiles are what takes time.
        costs = [s.target.size if s.record.method is Method.ADAPTIVE else 1 for s in part]
        core = options.backend in (None, backends.NATIVE, backends.CHECK) and native.missing() is None
        pool = Pool.CORE_THREADS if core else Pool.PROCESSES
        decoded = spread(
            partial(plain_tiles.decode_many, core=core), work, costs, options.workers, options.progress.advance, pool
        )
        for stream, samples in zip(part, decoded, strict=True):
            stream.fill(samples, options, "is damaged")


def _correct(stream: Stream, options: DecodeOptions) -> None:
    """Decode a stream of corrections to a JPEG into its place."""
    made = stream.canvas.past.pixels[:, stream.tile.rows, stream.tile.columns]
    samples = None
    with suppress(MalformedError):
        samples = past_pixels.decode_corrections(stream.record.data, made)
    stream.fill(samples, options, "is damaged")
    options.progress.advance(made[0].size)


def _without_problems(streams: Sequence[Stream], options: DecodeOptions) -> list[Stream]:
    """Streams without a fault that shows before they are decoded."""
    whole = []
    for stream in streams:
        problem = stream.problem
        if problem is None:
            whole.append(stream)
        else:
            stream.give_up(problem, options)
            options.progress.advance(stream.target[0].size)
    return whole


def _decode_streams(model: ExactModel, streams: Sequence[Stream], options: DecodeOptions) -> None:
    """Decode streams of one model, number of planes and depth into their places."""
    planes, bits = len(streams[0].target), streams[0].bits
    if planes > model.channels:
        source = streams[0].canvas.source
        raise NellocError(f"{source}: is an RGB image, but its model codes gray images only; {RESTORE}")
    whole = _without_problems(streams, options)
    if not whole:
        return
    method, rule = streams[0].record.method, None
    if method is Method.LATTICE:
        on_lattice = OnLattice.of(streams[0].head)
        method, rule = on_lattice.below, on_lattice.rule
    learns = LAYERS[method]
    if learns > layers_that_learn(model):
        raise NellocError(f"{streams[0].canvas.source}: learns while it is decoded, but its model cannot; {RESTORE}")
    decode_part = partial(
        _decode_tiles,
        model=model,
        bits=bits,
        learns=learns,
        rule=rule,
        backend=options.backend,
        decoder=options.decoder,
    )
    backends.chosen(model, options.backend)
    for part in in_parts(whole, _pixels, PIXELS_AT_ONCE * options.workers):
        work = [(stream.target.shape, stream.record.data[len(stream.head) :]) for stream in part]
        costs = [stream.target.size for stream in part]
        pool = pool_for(options.backend, options.decoder)
        # Walks in Python multiply matrices by BLAS; the core does not.
        with nullcontext() if pool is Pool.CORE_THREADS else single_threaded_products():
            decoded = spread(decode_part, work, costs, options.workers, options.progress.advance, pool)
        for stream, samples in zip(part, decoded, strict=True):
            stream.fill(samples, options, "has pixels that do not match their checksum, so it is damaged")


def _decode_tiles(
    work: Sequence[tuple[tuple[int, ...], bytes]],
    advance: Advance,
    *,
    model: ExactModel,
    bits: int,
    learns: int,
    rule: Rule | None,
    backend: str | None,
    decoder: str | None,
) -> list[Samples | None]:
    """Tiles of shapes (planes, H, W) from their data; None for one whose checksum does not match."""
    return tile_coder(model, bits, learns=learns, rule=rule, backend=backend, decoder=decoder).decode(work, advance)


def _pixels(stream: Stream) -> int:
    return stream.target[0].size
