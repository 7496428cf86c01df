"""Storage of the samples of a TIFF file by its tags, and reasons why samples cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nelloc.image.formats.tiff import structure
from nelloc.image.formats.tiff.metadata import STORAGE
from nelloc.image.formats.tiff.structure import Directory, Head

# Photometric interpretations.
WHITE_IS_ZERO, RGB, PALETTE, YCBCR = 0, 2, 3, 6
# Compressions.
RAW, OLD_JPEG, JPEG = 1, 6, (6, 7)
# Compressions that Pillow supports; tifffile reads the others as far as imagecodecs does.
PILLOW_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
# Compressions that may follow a prediction of the samples, and the prediction from the pixel to the left.
_PREDICTED, _DIFFERENCES = (5, 8, 32946, 34925, 50000), 2
# WebP and JPEG XL, which give RGB whatever the tags say.
_OWN_COLOURS = (50001, 50002)
# Tags.
COMPRESSION, PLANES_APART = 259, 284
_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_COLOURS = {4: "a transparency mask", 5: "CMYK", 8: "LAB", 9: "ICC LAB", 10: "ITU LAB", 32803: "a colour filter array",
            32844: "LogL", 32845: "LogLUV", 34892: "linear raw"}  # fmt: skip
_ALPHA = (2, 999)  # the second is Corel Draw's
_MULTIPLIED = 1
# Limits for forged files.
_MOST_CHANNELS, _MOST_NUMBERS = 64, 1 << 22
VOLUME = "has samples of a volume; write each of its planes to a file first"
EXTRA_CHANNELS = (
    "has extra channels; only gray and RGB, with or without alpha, can be compressed; write the others to files of "
    "their own first"
)
ALPHA_APART = "has gray and alpha apart, of which Pillow loses the alpha; give the file itself to nelloc.compress"
LAST_COLUMN = "is a JPEG of 12 bits, of which Pillow loses a column; give the file itself to nelloc.compress"


@dataclass(frozen=True)
class Layout:
    """Storage of the samples, as the tags describe it."""

    width: int
    height: int
    bits: tuple[int, ...]
    formats: tuple[int, ...]
    photometric: int
    compression: int
    extra: tuple[int, ...]
    channels: int
    planes: int
    predictor: int
    separate: bool  # each channel in strips or tiles of its own

    @classmethod
    def of(cls, head: Head, first: Directory) -> Layout:
        """Parse the layout from the first directory. Raises MalformedTiffError if it is inconsistent."""

        def numbers(tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
            entry = first.entries.get(tag)
            return default if entry is None else entry.numbers(head.order)

        def number(tag: int, default: int = 0) -> int:
            return (*numbers(tag, (default,)), 0)[0]

        channels = number(277, 1)
        if channels > _MOST_CHANNELS or any(
            entry.count > _MOST_NUMBERS for tag, entry in first.entries.items() if tag in STORAGE
        ):
            raise structure.MalformedTiffError("its tags have more values than an image can have")
        bits = numbers(258, (1,))
        layout = cls(
            number(256), number(257), bits * channels if len(bits) == 1 else bits,
            numbers(339, (1,)), number(262), number(COMPRESSION, 1), numbers(338, ()), channels,
            number(32997, 1), number(317, 1), number(PLANES_APART, 1) == 2,
        )  # fmt: skip
        if not (layout.width > 0 and layout.height > 0 and channels > 0 and len(layout.bits) >= channels):
            raise structure.MalformedTiffError("its tags do not describe its samples")
        return replace(layout, bits=layout.bits[:channels])

    @property
    def depth(self) -> int:
        """Bits of a sample."""
        return max(self.bits)

    @property
    def colours(self) -> int:
        """Number of channels without extra ones."""
        return 3 if self.photometric in (RGB, YCBCR) else 1

    def problem(self) -> str | None:
        """Reason why the samples cannot be kept, as a sentence without its subject; None if they can."""
        odd = problem_of_formats(self.formats, self.depth)
        if odd is not None:
            return odd
        if self.planes != 1:
            return VOLUME
        if self.compression in _PREDICTED and not (
            self.predictor == 1 or (self.predictor == _DIFFERENCES and self.depth in (8, 16))
        ):
            what = f"has samples of {self.depth} bits that are predicted by scheme {self.predictor}"
            return f"{what}, which is not read; convert it to one without prediction first"
        if self.photometric in _COLOURS or self.photometric > YCBCR:
            name = _COLOURS.get(self.photometric, f"photometric interpretation {self.photometric}")
            mode = f"is of mode {name}" if self.photometric in (5, 8) else f"has samples of {name}"
            return f"{mode}; only gray, RGB and palettes can be compressed; convert it to one of them first"
        if self.photometric == YCBCR and self.compression not in (*JPEG, *_OWN_COLOURS):
            return "has samples of YCbCr; convert it to RGB first"
        if len(set(self.bits)) > 1:
            depths = ", ".join(map(str, self.bits))
            return f"has samples of different depths ({depths} bits); convert it to 8 or 16 bits per sample first"
        return self._problem_of_depth() or self._problem_of_channels()

    def _problem_of_depth(self) -> str | None:
        if self.depth > 16 or self.depth in (3, 5, 6, 7) or (self.depth < 8 and self.channels > 1):
            return f"has samples of {self.depth} bits; convert it to 8 or 16 bits per sample first"
        if self.photometric == PALETTE and self.depth > 8:
            return f"has palette indices of {self.depth} bits, of which 8 can be kept; convert it to RGB first"
        if self.photometric == WHITE_IS_ZERO and self.depth > 8:
            return "has 16-bit samples whose 0 is white; convert it to black is zero first"
        return None

    def _problem_of_channels(self) -> str | None:
        more = self.channels - self.colours
        if more < 0:
            return f"has {self.channels} channels, too few for its colours; convert it to gray or RGB first"
        if more == 0:
            return None
        if self.extra[:1] == (_MULTIPLIED,):
            return "has colours multiplied by their alpha; convert it to plain alpha first"
        alpha = self.extra[:1] and self.extra[0] in _ALPHA
        if more > 1 or self.photometric == PALETTE or not (alpha or (not self.extra and self.colours == 3)):
            return EXTRA_CHANNELS
        return None

    def for_pillow(self, order: str) -> bool:
        """Return True if Pillow reads the samples exactly, from a file of this byte order."""
        if self.photometric == YCBCR and self.compression not in JPEG:
            return False
        # Pillow loses alpha that is apart, and the last of an odd number of columns.
        if (self.separate and self.colours < self.channels == 2) or (self.depth == 12 and self.compression in JPEG):
            return False
        deep = self.channels == 1 and (self.depth == 16 or (self.depth == 12 and order == "<"))
        return self.compression in PILLOW_COMPRESSIONS and (self.depth <= 8 or deep)


def problem_of_formats(formats: tuple[int, ...], bits: int) -> str | None:
    """Reason why samples of these SampleFormat values cannot be kept; None for unsigned integers."""
    for number in formats:
        if number not in (1, 4):
            name = _FORMATS.get(number, f"unknown (SampleFormat {number})")
            return (
                f"has samples of {bits} bits that are {name} numbers; only unsigned whole numbers can be compressed; "
                "convert it to those first"
            )
    return None
