"""Reading TIFF files: samples by Pillow, or by tifffile where Pillow would change or refuse them.

The decoders get a copy of the file with only the tags that describe the storage of samples. So metadata cannot make
them fail, and they do not rotate the image.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from nelloc.errors import NellocError
from nelloc.image.formats import jpeg
from nelloc.image.formats.sixteen_bit import need
from nelloc.image.formats.tiff import stacks, structure
from nelloc.image.formats.tiff.libtiff import quiet_libtiff
from nelloc.image.formats.tiff.metadata import COLOUR_MAP, ORIENTATION, STORAGE, items
from nelloc.image.formats.tiff.structure import Directory, Head
from nelloc.image.kinds import Kind
from nelloc.image.metadata import Metadata, depth_item
from nelloc.image.orientation import turned
from nelloc.image.pixels import Palette, Pixels, from_array, split

_YCBCR_TAGS = range(529, 533)
_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_COLOURS = {4: "a transparency mask", 5: "CMYK", 8: "LAB", 9: "ICC LAB", 10: "ITU LAB", 32803: "a colour filter array",
            32844: "LogL", 32845: "LogLUV", 34892: "linear raw"}  # fmt: skip
_ALPHA = (2, 999)  # the second is Corel Draw's
_MULTIPLIED = 1
# Compressions that Pillow supports; tifffile reads the others as far as imagecodecs does.
_PILLOW_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
_RAW, _OLD_JPEG, JPEG = 1, 6, (6, 7)
# Compressions that may follow a prediction of the samples, and the prediction from the pixel to the left.
_PREDICTED, _DIFFERENCES = (5, 8, 32946, 34925, 50000), 2
# WebP and JPEG XL, which give RGB whatever the tags say.
_OWN_COLOURS = (50001, 50002)
_JPEG_IN_STRIPS, _JPEG_TABLES = (7, 34892), 347
_COMPRESSIONS = {
    7: "JPEG", 22610: "JPEG XR", 32809: "ThunderScan", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000",
    34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log 24", 34712: "JPEG 2000", 34887: "LERC", 34892: "JPEG",
    34925: "LZMA", 34926: "Zstandard", 34927: "WebP", 34933: "PNG", 34934: "JPEG XR", 50000: "Zstandard",
    50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
# A directory's kind, and the directories beside the chain, where raw files have their samples.
_SUBFILE_TYPE, _REDUCED, _SUB_DIRECTORIES = 254, 1, 330
# Limits for forged files.
_MOST_CHANNELS, _MOST_NUMBERS = 64, 1 << 22
_READ_SHORT = "the 16-bit form of the palette's entries (they hold 8-bit colours and are read as such)"
VOLUME = "has samples of a volume; write each of its planes to a file first"
SPARSE = "leaves out some of its strips or tiles, as sparse files of GDAL do; write it with all of them first"
ALPHA_APART = "has gray and alpha apart, of which Pillow loses the alpha; give the file itself to nelloc.compress"
LAST_COLUMN = "is a JPEG of 12 bits, of which Pillow loses a column; give the file itself to nelloc.compress"
# Places of strips and of tiles.
PLACES = (273, 324)
COMPRESSION, PLANES_APART = 259, 284
EXTRA_CHANNELS = (
    "has extra channels; only gray and RGB, with or without alpha, can be compressed; write the others to files of "
    "their own first"
)
LONG_COLOURS = "has a palette of 16-bit colours, of which 8 bits could be kept; convert it to 16-bit RGB first"
SHORT_COLOURS = (
    "has a palette of 8-bit colours where TIFF has 16, which Pillow reads as black; give the file itself to "
)
SHORT_COLOURS += "nelloc.compress"


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
        return 3 if self.photometric in (_RGB, _YCBCR) else 1

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
        if self.photometric in _COLOURS or self.photometric > _YCBCR:
            name = _COLOURS.get(self.photometric, f"photometric interpretation {self.photometric}")
            mode = f"is of mode {name}" if self.photometric in (5, 8) else f"has samples of {name}"
            return f"{mode}; only gray, RGB and palettes can be compressed; convert it to one of them first"
        if self.photometric == _YCBCR and self.compression not in (*JPEG, *_OWN_COLOURS):
            return "has samples of YCbCr; convert it to RGB first"
        if len(set(self.bits)) > 1:
            depths = ", ".join(map(str, self.bits))
            return f"has samples of different depths ({depths} bits); convert it to 8 or 16 bits per sample first"
        return self._problem_of_depth() or self._problem_of_channels()

    def _problem_of_depth(self) -> str | None:
        if self.depth > 16 or self.depth in (3, 5, 6, 7) or (self.depth < 8 and self.channels > 1):
            return f"has samples of {self.depth} bits; convert it to 8 or 16 bits per sample first"
        if self.photometric == _PALETTE and self.depth > 8:
            return f"has palette indices of {self.depth} bits, of which 8 can be kept; convert it to RGB first"
        if self.photometric == _WHITE_IS_ZERO and self.depth > 8:
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
        if more > 1 or self.photometric == _PALETTE or not (alpha or (not self.extra and self.colours == 3)):
            return EXTRA_CHANNELS
        return None

    def for_pillow(self, order: str) -> bool:
        """Return True if Pillow reads the samples exactly, from a file of this byte order."""
        if self.photometric == _YCBCR and self.compression not in JPEG:
            return False
        # Pillow loses alpha that is apart, and the last of an odd number of columns.
        if (self.separate and self.colours < self.channels == 2) or (self.depth == 12 and self.compression in JPEG):
            return False
        deep = self.channels == 1 and (self.depth == 16 or (self.depth == 12 and order == "<"))
        return self.compression in _PILLOW_COMPRESSIONS and (self.depth <= 8 or deep)


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


def problem_of_palette(values: tuple[int, ...]) -> str | None:
    """Reason why Pillow changes the colours of a palette of 16-bit entries; None if it does not."""
    colours, odd = eight_bit_colours(np.array(values, np.int64))
    if colours is None:
        return LONG_COLOURS
    return SHORT_COLOURS if odd and colours.any() else None


def _problem_of_preview(head: Head, first: Directory) -> str | None:
    """Reason to refuse a file whose first image is a reduced copy of one that it does not lead to by its chain."""
    kind = first.entries.get(_SUBFILE_TYPE)
    reduced = kind is not None and any(number & _REDUCED for number in kind.numbers(head.order)[:1])
    if not (reduced and (_SUB_DIRECTORIES in first.entries or _SUB_DIRECTORIES in first.unreadable)):
        return None
    return (
        "begins with a preview of another image, as raw files of cameras do, which would be lost; convert that image "
        "to TIFF or PNG first"
    )


def _problem_of_places(head: Head, first: Directory, layout: Layout) -> str | None:
    """Reason to refuse a file without samples for some strips or tiles; decoders take its header for them."""
    places = [first.entries[tag].numbers(head.order) for tag in PLACES if tag in first.entries]
    return SPARSE if layout.compression != _OLD_JPEG and any(0 in numbers for numbers in places) else None


def read(data: bytes, source: str, max_pixels: int, decode: Callable[[Image.Image], Pixels]) -> Pixels:
    """Read a TIFF file; ``decode`` converts an image that Pillow has opened.

    Raises NellocError for images that cannot be kept, MalformedTiffError for a damaged file.
    """
    head, first = structure.read(data)
    layout = Layout.of(head, first)
    if layout.width * layout.height > max_pixels:
        raise NellocError(
            f"{source}: has {layout.width} x {layout.height} pixels, above the limit of {max_pixels}; "
            "raise --max-pixels if the file is trusted"
        )
    frames = structure.frames(data, head)
    if frames == 1 and layout.compression == _RAW:
        area = layout.width * layout.height
        frames = stacks.images(data, head, first, area * layout.channels, layout.depth)
    if frames > 1:
        raise NellocError(f"{source}: has {frames} frames; write each frame to a file of its own first")
    problem = _problem_of_preview(head, first) or layout.problem() or _problem_of_places(head, first, layout)
    if problem is not None:
        raise NellocError(f"{source}: {problem}")
    palette, left_out = _palette(head, first, layout, source)
    plain = _plain(data, head, first, layout)
    if layout.for_pillow(head.order):
        try:
            with quiet_libtiff(), Image.open(io.BytesIO(plain), formats=("TIFF",)) as opened:
                pixels = decode(opened)
        except UnidentifiedImageError:  # a mixture of tags that Pillow does not know
            pixels = _read_deep(plain, layout, source)
    else:
        pixels = _read_deep(plain, layout, source)
    if (pixels.height, pixels.width) != (layout.height, layout.width):
        raise structure.MalformedTiffError("its samples are of another size")
    if pixels.kind is Kind.PALETTE:
        pixels = replace(pixels, palette=palette)
    found, lost = items(head, first)
    if layout.depth > 8 and layout.depth != 16:
        found.append(depth_item(layout.depth))
    pixels = replace(pixels, metadata=Metadata(tuple(found)), left_out=(*left_out, *lost))
    entry = first.entries.get(ORIENTATION)
    return turned(pixels, None if entry is None else next(iter(entry.numbers(head.order)), None))


def _palette(head: Head, first: Directory, layout: Layout, source: str) -> tuple[Palette | None, list[str]]:
    """Colours of a palette, in 8 bits, and the name of a deviation from TIFF if it has one."""
    if layout.photometric != _PALETTE:
        return None, []
    entry = first.entries.get(COLOUR_MAP)
    values = np.array(() if entry is None else entry.numbers(head.order), np.int64)
    if len(values) != 3 << layout.depth:
        raise structure.MalformedTiffError("its palette does not have one colour for each index")
    colours, odd = eight_bit_colours(values)
    if colours is None:
        raise NellocError(f"{source}: {LONG_COLOURS}")
    table = colours.reshape(3, -1).T.astype(np.uint8)
    return Palette("RGB", table.tobytes()), [_READ_SHORT] if odd and colours.any() else []


def eight_bit_colours(values: np.ndarray) -> tuple[np.ndarray | None, bool]:
    """Convert 16-bit palette entries to 8-bit colours, or None; the flag is True if they were 8-bit already.

    Writers scale 8 bits by 257 or by 256. Some old ones do not scale; like libtiff, this takes entries that are all
    below 256 for 8-bit ones.
    """
    for factor in (257, 256):
        if not (values % factor).any():
            return values // factor, False
    return (values, True) if values.max(initial=0) < 256 else (None, False)


def _plain(data: bytes, head: Head, first: Directory, layout: Layout) -> bytes:
    """Append a directory with only the storage tags to the file, as 32-bit TIFF."""
    entries = {}
    for tag, entry in first.entries.items():
        if tag in STORAGE or (tag in _YCBCR_TAGS and layout.photometric == _YCBCR):
            narrow = structure.narrowed(entry, head.order)
            if narrow is None:
                raise structure.MalformedTiffError("it is larger than 4 GB")
            entries[tag] = narrow
    _check_places(data, head, entries, layout)
    out = bytearray(data)
    out += bytes(len(out) % 2)
    place = structure.append(out, Directory(entries), head.order)
    out[:4] = b"II*\0" if head.order == "<" else b"MM\0*"
    out[4:8] = structure.numbers(structure.LONG, (place,), head.order).data
    return bytes(out)


def _check_places(data: bytes, head: Head, entries: dict, layout: Layout) -> None:
    """Raise MalformedTiffError if samples lie outside the file as it is before anything is appended."""

    def numbers(tag: int) -> tuple[int, ...]:
        return entries[tag].numbers(head.order) if tag in entries else ()

    tiled = 324 in entries
    places, sizes = (numbers(324), numbers(325)) if tiled else (numbers(273), numbers(279))
    if not places and layout.compression == _OLD_JPEG:  # old JPEG files use other tags
        return
    if not places:
        raise structure.MalformedTiffError("it does not say where its samples are")
    if not sizes and len(places) == 1 and not tiled:
        sizes = (len(data) - places[0],)
        entries[279] = structure.numbers(structure.LONG, (max(0, sizes[0]),), head.order)
    if len(sizes) != len(places):
        raise structure.MalformedTiffError("it does not say how long its samples are")
    interleaved = (*numbers(PLANES_APART), 1)[0] == 1
    channels = layout.channels if interleaved else 1
    if layout.compression == _RAW and tiled:
        width, height = (*numbers(322), 0)[0], (*numbers(323), 0)[0]
        if min(width, height) < 1:
            raise structure.MalformedTiffError("its tiles have no pixels")
        whole = height * ((width * layout.depth * channels + 7) // 8)
        if any(0 < size < whole for size in sizes):
            raise structure.MalformedTiffError("its samples are cut off")
        sizes = (whole,) * len(places)
    elif layout.compression == _RAW:
        rows = min((*numbers(278), layout.height)[0], layout.height)
        if rows < 1:
            raise structure.MalformedTiffError("its strips have no rows")
        stride = (layout.width * layout.depth * channels + 7) // 8
        strips = -(-layout.height // rows)
        last = layout.height - rows * (strips - 1)
        if len(places) < strips * (1 if interleaved else layout.channels):
            raise structure.MalformedTiffError("strips are missing")
        sizes = tuple(stride * (last if n % strips == strips - 1 else rows) for n in range(len(places)))
    if any(place + size > len(data) for place, size in zip(places, sizes, strict=True)):
        raise structure.MalformedTiffError("its samples are cut off")
    if layout.compression in _JPEG_IN_STRIPS:
        shared = entries[_JPEG_TABLES].data[:-2] if _JPEG_TABLES in entries else jpeg.START
        for place, size in zip(places, sizes, strict=True):
            strip = data[place : place + size]
            frame = jpeg.frame(strip)
            if frame is not None and frame.exact and not jpeg.has_tables(shared + strip[2:]):
                raise structure.MalformedTiffError("its Huffman tables are missing")


def _read_deep(data: bytes, layout: Layout, source: str) -> Pixels:
    """Read the samples with tifffile."""
    name = _COMPRESSIONS.get(layout.compression, f"scheme {layout.compression}")
    packed = f" compressed by {name}" if layout.compression not in _PILLOW_COMPRESSIONS else ""
    what = f"is a TIFF file of {layout.channels} x {layout.depth} bits{packed}"
    tifffile = need("tifffile", source, what)
    need("imagecodecs", source, what)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            array, axes = page.asarray(), page.axes
    except (NellocError, MemoryError, ImportError):
        raise
    except Exception as error:  # decoders raise many types of exceptions for unsupported and damaged files
        if layout.compression not in _PILLOW_COMPRESSIONS:
            raise NellocError(
                f"{source}: {what}, which cannot be decoded ({_first_line(error)}); convert it to deflate first"
            ) from error
        raise
    if axes == "SYX":
        array = array.transpose(1, 2, 0)
    return _pixels_of(array, layout, source)


def _pixels_of(array: Any, layout: Layout, source: str) -> Pixels:
    if (
        array.dtype not in (np.uint8, np.uint16)
        or array.ndim not in (2, 3)
        or (array.dtype == np.uint16) != (layout.depth > 8)
    ):
        raise NellocError(
            f"{source}: has samples of type {array.dtype} and shape {array.shape} where its tags say {layout.channels} "
            f"x {layout.depth} bits; convert it to deflate first"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if layout.photometric == _WHITE_IS_ZERO:  # but alpha is not turned round
        array = 255 - array if array.ndim == 2 else np.dstack((255 - array[:, :, 0], array[:, :, 1:]))
    if layout.photometric != _PALETTE:
        return from_array(array, source)
    return Pixels(Kind.PALETTE, split(Kind.PALETTE, array[None]), Palette("RGB", b""))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip()
