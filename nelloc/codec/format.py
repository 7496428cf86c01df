"""Numbers of the .nlc format, as docs/FORMAT.md has them."""

from __future__ import annotations

import enum

from nelloc.image.kinds import Kind

SIGNATURE = b"\x8eNL\n"
VERSION = 1
MODEL_ID_BYTES = 4
NO_MODEL = bytes(MODEL_ID_BYTES)
# An image within this in both directions is one tile, and has the small layout if it has no sections.
SMALL_SIZE = 256

# The models that small files name by a number: the table of docs/FORMAT.md, which only grows. Other models are named by
# their id, after the number OTHER_MODEL.
MODEL_NUMBERS = {
    number: bytes.fromhex(model)
    for number, model in {
        0: "00000000",
        1: "5b94bb3d",  # fast
        2: "d946b757",  # default
        3: "32190ca6",  # high
        4: "430dd05d",  # fast-gray
        5: "e7a6f68c",  # default-gray
        6: "ce8add88",  # high-gray
    }.items()
}
OTHER_MODEL = 255


class Layout(enum.IntEnum):
    """The low bits of the byte that has the version in its high ones."""

    SMALL = 0
    TILED = 1


LAYOUT_PLACE = 4
# A kind, and in the small layout the method of the first record above it.
KIND_BITS = 4
# The numbers of kinds whose colour and alpha are one group.
JOINED_KINDS = {Kind.LA: 10, Kind.RGBA: 11}
CRITICAL = 0x80


class Method(enum.IntEnum):
    """Method to code the planes of one group in one tile; docs/FORMAT.md describes each."""

    CONSTANT = 0
    STORED = 1
    DEFLATE = 2
    ROWS = 3
    ADAPTIVE = 4
    MIXTURE = 5
    LEARNING = 6
    TWO_LAYERS = 7
    LATTICE = 8
    PAST = 9
    COEFFICIENTS = 10

    @property
    def needs_model(self) -> bool:
        """True if the data cannot be decoded without the file's model."""
        return self in _MODELLED

    @property
    def checks_pixels(self) -> bool:
        """True if the data ends with a checksum of the samples, from which any damage shows."""
        return self in _MODELLED or self is Method.ADAPTIVE

    @property
    def drops_zeros(self) -> bool:
        """True if zero bytes at the end of the data mean nothing and are not written: data has one form."""
        return self not in (Method.DEFLATE, Method.ROWS, Method.PAST)


# Number of layers of the network that learn, for each method of the model alone.
LAYERS = {Method.MIXTURE: 0, Method.LEARNING: 1, Method.TWO_LAYERS: 2}
_MODELLED = (*LAYERS, Method.LATTICE)


class SectionType(enum.IntEnum):
    """Types of sections that this version knows. docs/FORMAT.md reserves the others."""

    METADATA = 1
    MODEL = 0x81
    DIFFERENCES = 0x82
    SAMPLES = 0x83
    PALETTE = 0x84
    TRANSPARENT_COLOUR = 0x85
    JPEG = 0x86
    PAST = 0x87
    LEVELS = 0x89
