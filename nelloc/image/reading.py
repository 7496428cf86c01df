"""Reading images: files and Pillow images to groups of planes and metadata, exactly or not at all."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from nelloc.errors import NellocError, unreadable
from nelloc.image import inventory, mapped_array, opened, slices
from nelloc.image.formats import bmp, jpeg, long_texts, png, sixteen_bit
from nelloc.image.formats.tiff import layout, places
from nelloc.image.formats.tiff import reading as tiff
from nelloc.image.formats.tiff.palette import problem_of_palette
from nelloc.image.formats.tiff.structure import is_tiff
from nelloc.image.kinds import Kind
from nelloc.image.limits import MAX_PIXELS
from nelloc.image.metadata import ItemType, Metadata
from nelloc.image.pixels import Palette, Pixels, split
from nelloc.image.reading_metadata import metadata_of

_KIND_OF_MODE = {
    "1": Kind.BILEVEL,
    "L": Kind.GRAY,
    "LA": Kind.LA,
    "P": Kind.PALETTE,
    "RGB": Kind.RGB,
    "RGBA": Kind.RGBA,
    "I;16": Kind.GRAY16,
    "I;16L": Kind.GRAY16,
    "I;16B": Kind.GRAY16,
    "I;16N": Kind.GRAY16,
}
_MODES = "1, L, LA, P, RGB, RGBA and I;16"
# Formats that are read. For others Pillow silently cuts deep samples to 8 bits, or
# runs another program. Pillow tries them in this order, after those that it has loaded already.
INPUT_FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP", "QOI")
# Formats whose samples Pillow may change on loading, without leaving a trace.
CHANGED_FORMATS = ("PNG", "PPM", "TIFF")
_REMEMBERED = "nelloc_problem"
# Tags of TIFF files.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLES_PER_PIXEL, _COLOUR_MAP, _SAMPLE_FORMAT = 258, 262, 277, 320, 339
_IMAGE_DEPTH = 32997
_WHITE_IS_ZERO, _PALETTE = 0, 3


def from_image(image: Image.Image, source: str = "image") -> Pixels:
    """Convert a Pillow image of mode 1, L, LA, P, RGB, RGBA or I;16. Raises NellocError for any other.

    Also raises it if Pillow changed the samples when it loaded them from a PNG, TIFF or PPM file, where that is known:
    before loading, while the file still has its name, and always if the image was opened after ``nelloc.register``.
    Images derived from others, and files of other formats, are taken as Pillow holds them. The metadata is that of the
    file with the changes since; see ``opened`` for its limits.
    """
    with _reading(source):
        problem = _problem_of_pillow(image) or _problem_before_loading(image)
        if problem is not None:
            raise NellocError(f"{source}: {problem}")
        file = opened.file_of(image)
        pixels = _samples_of(image, source)
    whole = partial(read, source=source, max_pixels=max(pixels.area, MAX_PIXELS))
    try:
        now = opened.metadata_now(image, file, whole, INPUT_FORMATS)
    except NellocError:
        raise
    except Exception as error:  # of values that Pillow itself does not make
        raise NellocError(f"{source}: has metadata that cannot be read ({error}); correct it in image.info") from error
    now.warn(source)
    return replace(pixels, metadata=now.metadata)


def remember(image: ImageFile.ImageFile) -> None:
    """Record the file of an image that was just opened, and why ``from_image`` would refuse it.

    Neither can be seen any more once it is loaded.
    """
    opened.remember(image)
    problem = _problem_of_pillow(image)
    if problem is not None:
        setattr(image, _REMEMBERED, problem)


def _problem_of_pillow(image: Image.Image) -> str | None:
    """Reason why Pillow changes the samples of a file that it opened, as far as it can be seen now."""
    problem = _problem_of_samples(image)
    if problem is not None or not is_deep(image) or image.mode in _KIND_OF_MODE_16:
        return problem
    if image.mode == "I":  # samples that Pillow does not cut
        return (
            "has 16 bits per sample, in Pillow's mode I; give the file itself to nelloc.compress, or an array of uint16"
        )
    return (
        "has 16 bits per sample, which Pillow cuts to 8; give the file itself to nelloc.compress, or a copy of "
        "the image (image.copy()) if 8 bits are enough"
    )


def _problem_before_loading(image: Image.Image) -> str | None:
    """Reason why an image was to be refused before it was loaded: recorded, or found in its file."""
    remembered = getattr(image, _REMEMBERED, None)
    name = getattr(image, "filename", "")
    if remembered is not None or not name or image.format not in CHANGED_FORMATS:
        return remembered
    with suppress(OSError, SyntaxError, ValueError), Image.open(name, formats=[image.format]) as again:
        if (again.size, again.mode) == (image.size, image.mode):
            return _problem_of_pillow(again)
    return None


def read(data: bytes, source: str, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image file's bytes; of a JPEG file, the image that others, such as gain maps, may follow.

    Raises NellocError if it cannot be read, if its kind is not supported, or if it has more than ``max_pixels``.
    """
    if not data:
        raise NellocError(f"{source}: is empty; get it again from its source")
    if is_tiff(data):
        with _reading(source):
            return tiff.read(data, source, max_pixels, partial(_samples_of, source=source))
    with _reading(source):
        frame = jpeg.frame(data) if jpeg.is_jpeg(data) else None
        if frame is not None and frame.height == 0:
            raise NellocError(
                f"{source}: gives its height after its samples (DNL of JPEG), which is not read; convert "
                "it to PNG first"
            )
        if frame is not None and not frame.for_pillow:
            _check_size(frame.width, frame.height, source, max_pixels)
            return inventory.describe(data, "JPEG", sixteen_bit.read_jpeg(data, frame, source))
        if bmp.is_bmp(data):
            return _read_bmp(data, source, max_pixels)
        if data.startswith(png.SIGNATURE):
            return _read_png(data, source, max_pixels)
        return _read_by_pillow(jpeg.alone(data) if frame else data, data, source, max_pixels)


def _read_png(data: bytes, source: str, max_pixels: int) -> Pixels:
    problem = png.problem(data)
    if problem is not None:
        raise NellocError(f"{source}: {problem}")
    mended, names = png.mended(data)
    pixels = _read_by_pillow(long_texts.leave_out(mended), mended, source, max_pixels)
    return replace(pixels, left_out=tuple(dict.fromkeys((*names, *pixels.left_out))))


def _read_bmp(data: bytes, source: str, max_pixels: int) -> Pixels:
    inner = bmp.embedded(data)
    if inner is not None:
        pixels = read(inner[0], source, max_pixels=max_pixels)
        if ItemType.RESOLUTION not in {item.type for item in pixels.metadata.items}:
            pixels = replace(pixels, metadata=Metadata((*pixels.metadata.items, *inner[1].items)))
        return pixels
    plain, names = bmp.plain(data, source, max_pixels)
    pixels = _read_by_pillow(plain, data, source, max_pixels)
    return replace(pixels, left_out=tuple(dict.fromkeys((*names, *pixels.left_out))))


def _read_by_pillow(readable: bytes, data: bytes, source: str, max_pixels: int) -> Pixels:
    """Read ``readable`` bytes with Pillow, and the metadata from the file's own ``data``."""
    with Image.open(io.BytesIO(readable), formats=INPUT_FORMATS) as image:
        _check_size(image.width, image.height, source, max_pixels)
        layout = slices.layout_of(data) if image.width * image.height >= slices.LARGE else None
        if layout is not None and layout.size != (image.height, image.width):
            raise NellocError(f"{source}: is damaged (it has two sizes); get it again from its source")
        pixels = _decode(image, readable, source) if layout is None else _joined(layout, image, data, source)
        return inventory.describe(data, image.format or "", pixels)


def _check_size(width: int, height: int, source: str, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise NellocError(
            f"{source}: has {width} x {height} pixels, above the limit of {max_pixels}; "
            "raise --max-pixels if the file is trusted"
        )


def read_slices(data: bytes, source: str, heights: Iterable[int]) -> Iterator[Pixels]:
    """Read a PNG or PPM file in slices of the given numbers of rows, without metadata.

    Raises NellocError if it cannot be read so.
    """
    with _reading(source):
        layout = slices.layout_of(data)
        if layout is None:
            raise NellocError(f"{source}: is not laid out in rows; read it whole")
        yield from layout.read(data, heights, partial(_decode_bytes, source=source))


def _joined(layout: slices.Layout, image: Image.Image, data: bytes, source: str) -> Pixels:
    """Join an image read in slices into an array that may be mapped to a file."""
    _check_frames(image, source)
    whole: Pixels | None = None
    planes, top = np.empty(0), 0
    for part in layout.read(data, layout.heights(), partial(_decode_bytes, source=source)):
        if whole is None:
            planes = mapped_array.empty((part.kind.planes, *layout.size), part.planes.dtype)
            whole = replace(part, groups=split(part.kind, planes))
        np.concatenate(part.groups, out=planes[:, top : top + part.height])
        top += part.height
    assert whole is not None, "an image has rows"
    return whole


def _decode_bytes(data: bytes, source: str) -> Pixels:
    with Image.open(io.BytesIO(data), formats=INPUT_FORMATS) as image:
        return _decode(image, data, source)


def _decode(image: Image.Image, data: bytes, source: str) -> Pixels:
    """Convert the image that Pillow has opened, given the bytes of its file."""
    _check_samples(image, source)
    if is_deep(image) and (image.mode not in _KIND_OF_MODE_16 or image.format == "PPM"):
        return replace(sixteen_bit.read(data, image.format or "", source), metadata=metadata_of(image))
    return _from_pillow(image, source)


@contextmanager
def _reading(source: str) -> Iterator[None]:
    """Turn exceptions of Pillow for an unreadable file into NellocError."""
    try:
        yield
    except NellocError:
        raise
    except UnidentifiedImageError:
        known = ", ".join(INPUT_FORMATS)
        raise NellocError(f"{source}: is not an image of a known format; convert it to one of {known}") from None
    except Image.DecompressionBombError as error:
        raise NellocError(f"{source}: {error}; raise PIL.Image.MAX_IMAGE_PIXELS if it is trusted") from None
    except MemoryError:
        raise NellocError(f"{source}: does not fit in memory; split the image first") from None
    except ImportError as error:  # builds of imagecodecs lack some codecs
        reason = str(error).partition("\n")[0]
        raise NellocError(f"{source}: cannot be decoded here ({reason}); install a build that has it") from error
    except Exception as error:  # Pillow's readers raise many types of exceptions for damaged files
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(source, error) from error
        if isinstance(error, ValueError) and "closed" in str(error):
            raise NellocError(f"{source}: was closed before its samples were read; open it again") from error
        raise NellocError(f"{source}: is damaged ({error}); get it again from its source") from error


def _from_pillow(image: Image.Image, source: str) -> Pixels:
    """Convert a Pillow image that holds its samples exactly, with Pillow's metadata."""
    pixels = _samples_of(image, source)
    return replace(pixels, metadata=metadata_of(image))


def _samples_of(image: Image.Image, source: str) -> Pixels:
    """Convert a Pillow image that holds its samples exactly, without metadata."""
    _check_supported(image, source)
    image.load()
    _check_supported(image, source)
    if 0 in image.size:
        raise NellocError(f"{source}: is empty; give an image of at least 1x1 pixels")
    kind = _KIND_OF_MODE[image.mode]
    samples = np.asarray(image)
    planes = (samples[:, :, None] if samples.ndim == 2 else samples).transpose(2, 0, 1)
    groups = split(kind, planes.astype(np.uint16 if kind.deep else np.uint8, copy=False))
    transparency = image.info.get("transparency")
    palette, transparent = None, None
    if kind is Kind.PALETTE:
        palette = _palette(image, transparency, source)
    elif transparency is not None:
        transparent = transparency if isinstance(transparency, tuple) else (transparency,)
        if len(kind.groups) > 1 or len(transparent) != kind.planes or not all(0 <= n < 1 << 16 for n in transparent):
            raise NellocError(f"{source}: has a transparent colour that does not fit its mode; remove it first")
    return Pixels(kind, groups, palette, transparent)


def _palette(image: Image.Image, transparency: object, source: str) -> Palette:
    palette = image.palette
    if palette is None or palette.mode not in ("RGB", "RGBA"):
        raise NellocError(f"{source}: has a palette of another mode than RGB or RGBA; convert it first")
    if not (transparency is None or isinstance(transparency, bytes | int)):
        raise NellocError(f"{source}: has a transparency that does not fit its palette; remove it first")
    if isinstance(transparency, int) and not 0 <= transparency <= 255:
        transparency = None
    if isinstance(transparency, bytes):
        transparency = transparency[:256]  # it does not report indices beyond the palette
    colours = image.im.getpalette(palette.mode, palette.mode)
    return Palette(palette.mode, bytes(colours), transparency)


def _check_supported(image: Image.Image, source: str) -> None:
    """Raise NellocError for more than one frame, and for an unsupported mode."""
    _check_frames(image, source)
    if image.mode not in _KIND_OF_MODE:
        raise NellocError(
            f"{source}: is of mode {image.mode}; only the modes {_MODES} can be compressed, and 16-bit RGB; convert it "
            "to one of them first"
        )


def _check_frames(image: Image.Image, source: str) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and not (image.format == "MPO" and image.tell() == 0):  # as in ``read``
        raise NellocError(f"{source}: has {frames} frames; write each frame to a file of its own first")


_KIND_OF_MODE_16 = tuple(mode for mode, kind in _KIND_OF_MODE.items() if kind.deep)


def is_deep(image: Image.Image) -> bool:
    """Return True if an unloaded file has 16-bit samples; Pillow silently cuts or scales most of them."""
    for name, *arguments in _decoders(image):
        rawmode = str(arguments[0])
        if ";16" in rawmode and rawmode != "BGR;16":  # that one is 5, 6 and 5 bits
            return True
        if _largest(name, arguments) > 255:
            return True
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, 8)
    return max(bits if isinstance(bits, tuple) else (bits,)) == 16


def _decoders(image: Image.Image) -> Iterator[tuple]:
    """Name and arguments of the decoder of each part of an unloaded file."""
    for tile in getattr(image, "tile", ()):
        yield tile[0], *(tile[3] if isinstance(tile[3], tuple) else (tile[3],))


def _largest(name: str, arguments: list) -> int:
    """Sample of white, from a decoder's arguments: given for PPM files, unless of one bit."""
    return int(arguments[1]) if name.startswith("ppm") and len(arguments) > 1 else 255


def _check_samples(image: Image.Image, source: str) -> None:
    """Raise NellocError for an unloaded file whose samples Pillow would silently scale, convert or drop."""
    problem = _problem_of_samples(image)
    if problem is not None:
        raise NellocError(f"{source}: {problem}")


def _problem_of_samples(image: Image.Image) -> str | None:
    for name, *arguments in _decoders(image):
        if _largest(name, arguments) not in (255, 65535):
            return f"has samples of 0 to {arguments[1]}; only 0 to 255 or 65535 can be compressed; scale them first"
        if str(arguments[0]) in ("RGBa", "La", "RGBa;16L", "RGBa;16B", "RGBa;16N"):
            return "has colours multiplied by their alpha; convert it to plain alpha first"
    tags = getattr(image, "tag_v2", {})  # of a TIFF file
    problem = _problem_of_tags(tags) if tags else None
    if problem is not None:
        return problem
    if tags.get(_IMAGE_DEPTH, 1) != 1:
        return layout.VOLUME
    if any(0 in _numbers(tags.get(tag, ())) for tag in places.PLACES):
        return places.SPARSE
    if tags.get(_SAMPLES_PER_PIXEL, 1) > len(image.getbands()):
        return layout.EXTRA_CHANNELS
    if image.mode == "LA" and tags.get(layout.PLANES_APART) == 2:
        return layout.ALPHA_APART
    if (
        tags.get(layout.COMPRESSION) in layout.JPEG
        and _numbers(tags.get(_BITS_PER_SAMPLE)) == (12,)
        and image.width % 2
    ):
        return layout.LAST_COLUMN
    if tags.get(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO and is_deep(image):
        return "has 16-bit samples whose 0 is white; convert it to black is zero first"
    return None


def _problem_of_tags(tags: Mapping[int, Any]) -> str | None:
    """Reason why Pillow changes the samples of a TIFF file: tags that it ignores."""
    formats, bits = (_numbers(tags.get(tag, 1)) for tag in (_SAMPLE_FORMAT, _BITS_PER_SAMPLE))
    problem = layout.problem_of_formats(formats, max(bits, default=1))
    if problem is None and tags.get(_PHOTOMETRIC) == _PALETTE:
        problem = problem_of_palette(_numbers(tags.get(_COLOUR_MAP, ())))
    return problem


def _numbers(value: Any) -> tuple[int, ...]:
    """Values of a tag; Pillow gives a single one as a scalar."""
    return tuple(n for n in (value if isinstance(value, tuple) else (value,)) if isinstance(n, int))
