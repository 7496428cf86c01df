"""Canvases: images that are being decoded, the records that they need, and their damaged tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np

from nelloc.codec.container import Container, TileRecord
from nelloc.codec.description import Description, samples_type, split_levels
from nelloc.codec.format import LAYERS, Method, SectionType
from nelloc.codec.lattice import OnLattice
from nelloc.codec.options import DecodeOptions
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.progress import Progress
from nelloc.codec.tiling import Rectangle, tiles
from nelloc.errors import RESTORE, NellocError
from nelloc.exact.coder import CODER_STATE_BITS
from nelloc.exact.lattice import CHANNELS
from nelloc.exact.mixture import MIN_BITS_PER_SAMPLE
from nelloc.image.kinds import Group, Role
from nelloc.image.pixels import Pixels, Samples
from nelloc.varint import MalformedError


def mark(group: Group, samples: Samples, bits: int) -> None:
    """Fill the place of a damaged tile: magenta, mid-gray, opaque, or 0 in images of indices or bits."""
    largest = (1 << bits) - 1
    colour = [largest, 0, largest] if group.planes >= 3 else [largest // 2]
    fillings = {Role.COLOUR: colour, Role.ALPHA: [largest], Role.COLOUR_AND_ALPHA: [*colour, largest]}
    samples[:] = np.array(fillings.get(group.role, [0]))[:, None, None]


class LazyPast:
    """Pixels of the JPEG that a file's image was, decoded at their first use."""

    def __init__(self, file: Container, source: str, progress: Progress | None = None):
        self._file, self._source, self._progress = file, source, progress or Progress()

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
        """Description of the former JPEG, if there was one. Raises NellocError if what tells it is damaged."""
        return None if self._found is None else self._found.summary

    @cached_property
    def pixels(self) -> Samples:
        """Pixels of the first group (planes, H, W) from the coefficients. Raises NellocError if they are damaged."""
        assert self._found is not None
        self._progress.expect(self._found.head.width * self._found.head.height)
        try:
            return self._found.pixels(*self._shape, self._progress.advance)
        except MalformedError:
            raise self._damage from None


def past_of(file: Container, source: str) -> str | None:
    """Describe the JPEG that a file's picture was, or None. Raises NellocError if what tells it is damaged."""
    return LazyPast(file, source).summary


@dataclass
class Canvas:
    """The part of an image that is decoded: whole tiles that hold ``region``, into ``groups`` (planes, H, W) each."""

    file: Container
    source: str
    what: Description
    region: Rectangle
    area: Rectangle
    groups: tuple[Samples, ...]
    past: LazyPast
    damaged: dict[int, Rectangle] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Container, source: str, what: Description, wanted: Rectangle, past: LazyPast) -> Canvas:
        """Make a canvas for the part ``wanted`` of a file."""
        area = whole_tiles(file, wanted)
        groups = tuple(
            np.empty((group.planes, area.height, area.width), samples_type(depth))
            for group, depth in zip(file.groups, what.depths, strict=True)
        )
        return cls(file, source, what, wanted, area, groups, past)

    @property
    def pixels(self) -> int:
        """Pixels to decode, counted once for each group."""
        return self.area.height * self.area.width * len(self.groups)

    def streams(self) -> Iterator[Stream]:
        """The records that are needed, and where they belong."""
        records = iter(self.file.records)
        for number, tile in enumerate(tiles(self.file.height, self.file.width, self.file.tile)):
            own = list(islice(records, len(self.groups)))
            if not self.region.meets(tile):
                continue
            place = tile.within(self.area)
            for index, (record, depth) in enumerate(zip(own, self.what.depths, strict=True)):
                target = self.groups[index][:, place.rows, place.columns]
                yield Stream(self, number, tile, index, record, depth.bits, target)

    def image(self) -> Pixels:
        """Decoded image, cut to the region."""
        place = self.region.within(self.area)
        found = self.what.pixels([group[:, place.rows, place.columns] for group in self.groups])
        holes = sorted(self.damaged.items())
        return replace(found, damaged=tuple(f"tile {number} ({tile})" for number, tile in holes))


def whole_tiles(file: Container, wanted: Rectangle) -> Rectangle:
    """The tiles that have pixels of a part of the image, together."""
    hit = [tile for tile in tiles(file.height, file.width, file.tile) if wanted.meets(tile)]
    first, last = hit[0], hit[-1]
    return Rectangle(first.top, first.left, last.bottom - first.top, last.right - first.left)


@dataclass(frozen=True)
class Stream:
    """A record to decode into ``target`` (planes, H, W), a view of its canvas."""

    canvas: Canvas
    number: int
    tile: Rectangle
    index: int
    record: TileRecord
    bits: int
    target: Samples

    @property
    def group(self) -> Group:
        """Group of planes of the record."""
        return self.canvas.file.groups[self.index]

    @property
    def head(self) -> bytes:
        """Bytes of the record's data before those of the entropy coder."""
        return bytes(self.record.view[:1]) if self.record.method is Method.LATTICE else b""

    @property
    def problem(self) -> str | None:
        """Description of a fault of the record that shows before it is decoded, or None."""
        if self.record.damaged:
            return "does not match its checksum, so it is damaged"
        if self.record.method is Method.PAST:
            file = self.canvas.file
            if self.index or self.group.role is not Role.COLOUR or file.section(SectionType.PAST) is None:
                return "is coded by a JPEG that the file does not hold, so it is damaged"
        if self.record.method.needs_model:
            if self.group.role not in (Role.COLOUR, Role.ALPHA):
                return f"is coded as no {self.group.role.value} is"
            if LAYERS.get(self.record.method) and self.bits > 8:
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
            if 8 * self.record.size + CODER_STATE_BITS < MIN_BITS_PER_SAMPLE * samples:
                return f"has too few bytes for its {self.target.size} samples"
        return None

    def fill(self, samples: Samples | None, options: DecodeOptions, problem: str) -> None:
        """Put decoded samples in their place; None is ``problem``, and so are numbers of levels that there are not."""
        if samples is None:
            self.give_up(problem, options)
        elif not self._on_levels(samples):
            self.give_up("has samples beyond the levels of its plane, so it is damaged", options)
        else:
            self.target[:] = samples

    def _on_levels(self, samples: Samples) -> bool:
        levels = self.canvas.what.levels
        if not levels:
            return True
        own = split_levels(self.canvas.file.groups, levels)[self.index]
        return all(one is None or one.hold(plane) for plane, one in zip(samples, own, strict=True))

    def give_up(self, problem: str, options: DecodeOptions) -> None:
        """Mark the place as damaged, or raise NellocError."""
        if not options.allow_damaged:
            several = f" ({self.group.role.value})" if len(self.canvas.groups) > 1 else ""
            raise NellocError(f"{self.canvas.source}: tile {self.number}{several} {problem}; {RESTORE}")
        mark(self.group, self.target, self.bits)
        self.canvas.damaged[self.number] = self.tile
