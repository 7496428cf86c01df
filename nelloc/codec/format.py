"""The numbers of the .nlc format, as docs/FORMAT.md has them: the one place for each."""

from __future__ import annotations

import enum

from nelloc.image.kinds import Kind

SIGNATURE = b"\x8eNL\n"
VERSION = 1
MODEL_ID_BYTES = 4
NO_MODEL = bytes(MODEL_ID_BYTES)
# An image within this in both directions is one tile and has the compact layout.
COMPACT_SIZE = 256

# The models that small files name by a number: the table of docs/FORMAT.md, which only grows.
MODEL_NUMBERS = {
    number: bytes.fromhex(model)
    for number, model in {
        0: "00000000",
        1: "b78db935",  # default-1
        2: "645789db",  # fast-1
        3: "65eafaaf",  # high-1
        4: "5b94bb3d",  # fast
        5: "d946b757",  # default
        6: "b295b2c0",  # high-2
        7: "077f88c4",  # fast-1-gray
        8: "374eedf9",  # default-1-gray
        9: "32190ca6",  # high
        10: "430dd05d",  # fast-gray
        11: "e7a6f68c",  # default-gray
        12: "ce8add88",  # high-gray
    }.items()
}

FLAG_TILED, FLAG_SECTIONS, FLAG_SHORT = 1, 2, 4
FLAGS = (0, FLAG_SHORT, FLAG_TILED, FLAG_TILED | FLAG_SECTIONS)
# A kind and a method in one byte: the kind in the low bits, then the highest bit of the method, then its low bits.
KIND_BITS, METHOD_BITS = 4, 4
FLAGS_PLACE, KIND_PLACE = 4, 5
# The numbers of kinds whose colour and alpha are one group.
JOINED_KINDS = {Kind.LA: 10, Kind.RGBA: 11}
CRITICAL = 0x80


class Method(enum.IntEnum):
    """How the planes of one group are coded in one tile. docs/FORMAT.md has each."""

    MIXTURE = 0
    CONSTANT = 1
    DEFLATE = 2
    ADAPTIVE = 3
    STORED = 4
    ROWS = 5
    LEARNING = 6
    COEFFICIENTS = 7
    LATTICE = 8
    PAST = 9

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


_MODELLED = (Method.MIXTURE, Method.LEARNING, Method.LATTICE)


class SectionType(enum.IntEnum):
    """The sections that this version knows. Numbers beyond these are reserved in docs/FORMAT.md."""

    METADATA = 1
    MODEL = 0x81
    DIFFERENCES = 0x82
    SAMPLES = 0x83
    PALETTE = 0x84
    TRANSPARENT_COLOUR = 0x85
    JPEG = 0x86
    PAST = 0x87
