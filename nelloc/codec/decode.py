"""From parsed files to images: whole ones, regions of them, and what is left of damaged ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np

from nelloc.codec import plain_tiles
from nelloc.codec.container import Container, TileRecord, parse
from nelloc.codec.description import Description, read_description, samples_type
from nelloc.codec.format import Method, SectionType
from nelloc.codec.lattice import OnLattice
from nelloc.codec.options import DecodeOptions
from nelloc.codec.parallel import Pool, in_parts, pool_for, single_threaded_products, spread
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.past.jpeg_file import unpack_file
from nelloc.codec.tiling import Rectangle, cuts, tiles
from nelloc.errors import RESTORE, NellocError
from nelloc.exact import backends, model_store, native
from nelloc.exact.coder import CODER_STATE_BITS
from nelloc.exact.engine import Advance
from nelloc.exact.lattice import CHANNELS, Rule
from nelloc.exact.learning import can_learn
from nelloc.exact.mixture import MIN_BITS_PER_SAMPLE
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import is_differences
from nelloc.exact.tile_coder import tile_coder
from nelloc.image.kinds import Group, Role
from nelloc.image.pixels import Pixels, Samples
from nelloc.image.reading import read
from nelloc.varint import MalformedError

# Pixels that a thread codes at once: more make no step wider, and what is being decoded is in memory twice.
PIXELS_AT_ONCE = 1 << 22


def open_file(data: bytes, source: str, options: DecodeOptions) -> Container:
    """What .nlc bytes hold; ``source`` names them in errors. Raises NellocError if they are not a whole file.

    With ``options.allow_damaged`` damaged tiles are no error, nor are they if only a region is wanted: it may not meet
    them. With the former, other damage that costs no pixels is none either, and ``Container.damage`` names it.
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
    folder: Path | None = None,
) -> list[Pixels]:
    """Decode parsed files together where they share a model; ``sources`` name them in errors.

    Models are also looked for in ``folder``. Of each file ``options.region`` is decoded, if there is one. With
    ``options.allow_damaged`` tiles that are damaged are marked (``mark``) and named in ``Pixels.damaged``; without it
    they raise NellocError.
    """
    canvases: list[_Canvas] = []
    found: list[Callable[[], Pixels]] = []
    for file, source in zip(files, sources, strict=True):
        wanted = _wanted(file, source, options)
        if file.jpeg is not None:
            found.append(partial(_of_jpeg, file, source, options, wanted))
            continue
        canvases.append(_Canvas.of(file, source, read_description(file, source), wanted))
        found.append(canvases[-1].image)
    options.progress.expect(sum(canvas.pixels for canvas in canvases))
    _decode(canvases, options, _finder(options, models, folder))
    return [image() for image in found]


def _of_jpeg(file: Container, source: str, options: DecodeOptions, wanted: Rectangle) -> Pixels:
    """A part of the pixels of the JPEG file that a file holds, as Pillow decodes it."""
    restored = unpack_file(file, source, options, allow_damaged=options.allow_damaged)
    pixels = read(restored.data, source, max_pixels=options.max_pixels)
    if not Rectangle(0, 0, pixels.height, pixels.width).holds(wanted):
        raise NellocError(f"{source}: the JPEG file in it says no size, so no region of it can be taken")
    if wanted != Rectangle(0, 0, file.height, file.width):
        groups = tuple(group[:, wanted.rows, wanted.columns] for group in pixels.groups)
        pixels = replace(pixels, groups=groups)
    return replace(pixels, damaged=restored.damaged)


def decode_slices(
    file: Container,
    source: str,
    options: DecodeOptions,
    *,
    models: Mapping[bytes, ExactModel] | None = None,
    folder: Path | None = None,
) -> Iterator[Pixels]:
    """Decode one file by rows of tiles: the image, or ``options.region``, in slices from top to bottom.

    A small image is one slice. Otherwise as ``decode_files``.
    """
    if file.jpeg is not None:
        yield _of_jpeg(file, source, options, _wanted(file, source, options))
        return
    what, find = read_description(file, source), _finder(options, models, folder)
    made = _Past(file, source)
    parts = _slices(file, _wanted(file, source, options), PIXELS_AT_ONCE * options.workers)
    areas = [_area(file, part) for part in parts]
    options.progress.expect(len(file.groups) * sum(area.height * area.width for area in areas))
    for part in parts:
        canvas = _Canvas.of(file, source, what, part, made)
        _decode([canvas], options, find)
        yield canvas.image()


def _slices(file: Container, wanted: Rectangle, pixels: int) -> list[Rectangle]:
    """A part of an image in slices of at least so many pixels, cut where rows of tiles end."""
    parts, top = [], wanted.top
    for end in cuts(file.height, file.tile)[1:]:
        bottom = min(end, wanted.bottom)
        if bottom > top and ((bottom - top) * wanted.width >= pixels or bottom == wanted.bottom):
            parts.append(Rectangle(top, wanted.left, bottom - top, wanted.width))
            top = bottom
    return parts


def _wanted(file: Container, source: str, options: DecodeOptions) -> Rectangle:
    """The part of an image that is to be decoded. Raises NellocError if the image does not have it."""
    whole = Rectangle(0, 0, file.height, file.width)
    wanted = options.region or whole
    if not whole.holds(wanted):
        raise NellocError(
            f"{source}: has {file.width} x {file.height} pixels, and the region {wanted} is not inside; choose "
            "one that is"
        )
    return wanted


def _decode(canvases: Sequence[_Canvas], options: DecodeOptions, find: _Find) -> None:
    """Fill canvases, those of files that share a model together."""
    streams: dict[tuple[_ModelKey, Method, bytes, int, int], list[_Stream]] = {}
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


def _finder(options: DecodeOptions, models: Mapping[bytes, ExactModel] | None, folder: Path | None) -> _Find:
    """What gives the model of a file: of ``models``, or looked for once."""
    given = models or {}
    found: dict[_ModelKey, ExactModel] = {}

    def find(file: Container, source: str) -> ExactModel:
        if file.model_id in given:
            return given[file.model_id]
        key = _model_key(file)
        if key not in found:
            found[key] = locate_model(file, source, options.model, folder).model
        return found[key]

    return find


def locate_model(file: Container, source: str, given: str | Path | None, folder: Path | None) -> model_store.Located:
    """The model that a file needs, and where it was found. Raises NellocError if it is missing or damaged."""
    section = file.model_section
    embedded = None if section is None else section.data
    if section is not None and is_differences(section.data) != (section.type == SectionType.DIFFERENCES):
        raise NellocError(f"{source}: the model inside it is not of the kind that it announces; {RESTORE}")
    return model_store.locate(file.model_id, source, given, embedded=embedded, folder=folder)


def mark(group: Group, samples: Samples, bits: int) -> None:
    """Fill the place of a damaged tile: magenta, mid-gray, opaque, or 0 in images of indices or bits."""
    largest = (1 << bits) - 1
    colour = [largest, 0, largest] if group.planes >= 3 else [largest // 2]
    fillings = {Role.COLOUR: colour, Role.ALPHA: [largest], Role.COLOUR_AND_ALPHA: [*colour, largest]}
    samples[:] = np.array(fillings.get(group.role, [0]))[:, None, None]


class _Past:
    """The pixels of the JPEG that a file's image was, decoded when they are first asked for."""

    def __init__(self, file: Container, source: str):
        self._file, self._source = file, source

    @cached_property
    def _found(self) -> past_pixels.Past | None:
        data = self._file.section(SectionType.PAST)
        if data is None:
            return None
        try:
            return past_pixels.parse_section(data, *self._shape)
        except MalformedError:
            raise self._damage from None

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self._file.groups[0].planes, self._file.height, self._file.width

    @property
    def _damage(self) -> NellocError:
        return NellocError(f"{self._source}: its coefficients are damaged; {RESTORE}")

    @property
    def summary(self) -> str | None:
        """What the picture was, in words, if it was something. Raises NellocError if the coefficients are damaged."""
        return None if self._found is None else self._found.summary

    @cached_property
    def pixels(self) -> Samples:
        """What the coefficients make of the first group (planes, H, W). Raises NellocError if they are damaged."""
        assert self._found is not None
        try:
            return self._found.pixels(*self._shape)
        except MalformedError:
            raise self._damage from None


def past_of(file: Container, source: str) -> str | None:
    """What a file's picture was before, in words, or None. Raises NellocError if what says it is damaged."""
    return _Past(file, source).summary


@dataclass
class _Canvas:
    """The part of an image that is decoded: whole tiles that hold ``region``, into ``groups`` (planes, H, W) each."""

    file: Container
    source: str
    what: Description
    region: Rectangle
    area: Rectangle
    groups: tuple[Samples, ...]
    past: _Past
    damaged: dict[int, Rectangle] = field(default_factory=dict)

    @classmethod
    def of(
        cls, file: Container, source: str, what: Description, wanted: Rectangle, past: _Past | None = None
    ) -> _Canvas:
        area = _area(file, wanted)
        groups = tuple(
            np.empty((group.planes, area.height, area.width), samples_type(depth))
            for group, depth in zip(file.groups, what.depths, strict=True)
        )
        return cls(file, source, what, wanted, area, groups, past or _Past(file, source))

    @property
    def pixels(self) -> int:
        """Pixels to decode, counted once for each group."""
        return self.area.height * self.area.width * len(self.groups)

    def streams(self) -> Iterator[_Stream]:
        """The records that are needed, and where they belong."""
        records = iter(self.file.records)
        for number, tile in enumerate(tiles(self.file.height, self.file.width, self.file.tile)):
            own = list(islice(records, len(self.groups)))
            if not self.region.meets(tile):
                continue
            place = tile.within(self.area)
            for index, (record, depth) in enumerate(zip(own, self.what.depths, strict=True)):
                target = self.groups[index][:, place.rows, place.columns]
                yield _Stream(self, number, tile, index, record, depth.bits, target)

    def image(self) -> Pixels:
        """What was decoded, cut to the region."""
        place = self.region.within(self.area)
        found = self.what.pixels([group[:, place.rows, place.columns] for group in self.groups])
        holes = sorted(self.damaged.items())
        return replace(found, damaged=tuple(f"tile {number} ({tile})" for number, tile in holes))


def _area(file: Container, wanted: Rectangle) -> Rectangle:
    """The tiles that have pixels of a part of the image, together."""
    hit = [tile for tile in tiles(file.height, file.width, file.tile) if wanted.meets(tile)]
    first, last = hit[0], hit[-1]
    return Rectangle(first.top, first.left, last.bottom - first.top, last.right - first.left)


@dataclass(frozen=True)
class _Stream:
    """A record to decode into ``target`` (planes, H, W), a view of its canvas."""

    canvas: _Canvas
    number: int
    tile: Rectangle
    index: int
    record: TileRecord
    bits: int
    target: Samples

    @property
    def group(self) -> Group:
        return self.canvas.file.groups[self.index]

    @property
    def head(self) -> bytes:
        """What the record's data has before the entropy coder's."""
        return self.record.data[:1] if self.record.method is Method.LATTICE else b""

    @property
    def problem(self) -> str | None:
        """What is wrong with the record, as far as that shows before it is decoded."""
        if self.record.damaged:
            return "does not match its checksum, so it is damaged"
        if self.record.method is Method.PAST:
            file = self.canvas.file
            if self.index or self.group.role is not Role.COLOUR or file.section(SectionType.PAST) is None:
                return "is coded by a JPEG that the file does not hold, so it is damaged"
        if self.record.method.needs_model:
            if self.group.role not in (Role.COLOUR, Role.ALPHA):
                return f"is coded as no {self.group.role.value} is"
            if self.record.method is Method.LEARNING and self.bits > 8:
                return "learns from samples of more than 8 bits, which no encoder does"
            samples = self.target.size
            if self.record.method is Method.LATTICE:
                if len(self.target) != CHANNELS or self.bits > 8:
                    return "is on a colour lattice, but has no RGB samples of 8 bits"
                try:
                    OnLattice.of(self.head)
                except MalformedError:
                    return f"is on a colour lattice that this nelloc does not know ({self.head.hex()}), use a newer one"
                samples //= CHANNELS  # green and blue may cost nothing
            if 8 * len(self.record.data) + CODER_STATE_BITS < MIN_BITS_PER_SAMPLE * samples:
                return f"has too few bytes for its {self.target.size} samples"
        return None

    def give_up(self, problem: str, options: DecodeOptions) -> None:
        """Mark the place, or raise NellocError."""
        if not options.allow_damaged:
            several = f" ({self.group.role.value})" if len(self.canvas.groups) > 1 else ""
            raise NellocError(f"{self.canvas.source}: tile {self.number}{several} {problem}; {RESTORE}")
        mark(self.group, self.target, self.bits)
        self.canvas.damaged[self.number] = self.tile


def _decode_without_model(streams: Sequence[_Stream], options: DecodeOptions) -> None:
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
            if samples is None:
                stream.give_up("is damaged", options)
            else:
                stream.target[:] = samples


def _correct(stream: _Stream, options: DecodeOptions) -> None:
    """Decode a stream that says what a JPEG gets wrong into its place."""
    made = stream.canvas.past.pixels[:, stream.tile.rows, stream.tile.columns]
    try:
        stream.target[:] = past_pixels.decode_corrections(stream.record.data, made)
    except MalformedError:
        stream.give_up("is damaged", options)
    options.progress.advance(made[0].size)


def _without_problems(streams: Sequence[_Stream], options: DecodeOptions) -> list[_Stream]:
    """Those of the streams that can be decoded, as far as that shows before."""
    whole = []
    for stream in streams:
        problem = stream.problem
        if problem is None:
            whole.append(stream)
        else:
            stream.give_up(problem, options)
            options.progress.advance(stream.target[0].size)
    return whole


def _decode_streams(model: ExactModel, streams: Sequence[_Stream], options: DecodeOptions) -> None:
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
        way = OnLattice.of(streams[0].head)
        method, rule = way.below, way.rule
    learns = method is Method.LEARNING
    if learns and not can_learn(model):
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
        with single_threaded_products():
            costs = [stream.target.size for stream in part]
            pool = pool_for(options.backend, options.decoder)
            decoded = spread(decode_part, work, costs, options.workers, options.progress.advance, pool)
        for stream, samples in zip(part, decoded, strict=True):
            if samples is not None:
                stream.target[:] = samples
            else:
                stream.give_up("has pixels that do not match their checksum, so it is damaged", options)


def _decode_tiles(
    work: Sequence[tuple[tuple[int, ...], bytes]],
    advance: Advance,
    *,
    model: ExactModel,
    bits: int,
    learns: bool,
    rule: Rule | None,
    backend: str | None,
    decoder: str | None,
) -> list[Samples | None]:
    """Tiles of shapes (planes, H, W) from their data; None for one whose checksum does not match."""
    return tile_coder(model, bits, learns=learns, rule=rule, backend=backend, decoder=decoder).decode(work, advance)


def _pixels(stream: _Stream) -> int:
    return stream.target[0].size
