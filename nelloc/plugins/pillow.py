"""Pillow opens and saves .nlc files, once ``register`` has told it how.

>>> import io, nelloc
>>> from PIL import Image
>>> nelloc.register()
>>> file = io.BytesIO()
>>> Image.new("RGB", (4, 3), "teal").save(file, "NLC")
>>> Image.open(file).size
(4, 3)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

from PIL import Image, ImageFile, ImagePalette

from nelloc.errors import NellocError

FORMAT = "NLC"
EXTENSION = ".nlc"
MIME = "image/x-nelloc"
_SIGNATURE = b"\x8eNL\n"
# What is read of a file to know its head; more of it only if it holds much metadata, or a model.
_HEAD_BYTES = 1 << 16


def register() -> None:
    """Make Pillow open and save .nlc files. Saving takes the keywords of ``nelloc.encode``.

    Files of 16-bit colour, which Pillow cuts to 8 bits when it loads them, remember that from now on, so that saving
    them is refused. It is not known of images made of them, as by ``copy``, ``crop`` and ``convert``, nor of formats
    other than PNG, PPM and TIFF.
    """
    Image.register_open(FORMAT, NellocImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, EXTENSION)
    Image.register_mime(FORMAT, MIME)
    _remember_problems()


def _remember_problems() -> None:
    """Let images of the formats that Pillow changes remember, when they are opened, why they are refused."""
    from PIL import PngImagePlugin, PpmImagePlugin, TiffImagePlugin  # noqa: F401 - each registers its format

    from nelloc.image.reading import CHANGED_FORMATS

    for name in CHANGED_FORMATS:
        factory, accept = Image.OPEN[name]
        if not isinstance(factory, _Remembering):
            Image.register_open(name, _Remembering(factory), accept)


@dataclass(frozen=True)
class _Remembering:
    """What opens files of a format, and lets them remember."""

    factory: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        from nelloc.image.reading import remember_problem

        image = self.factory(*arguments)
        remember_problem(image)
        return image


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(_SIGNATURE)


class NellocImageFile(ImageFile.ImageFile):
    """An opened .nlc file: ``open`` reads its head, ``load`` decodes its pixels.

    Raises NellocError for a damaged file, and for 16-bit colour, which Pillow cannot hold.
    """

    format = FORMAT
    format_description = "nelloc"

    def _open(self) -> None:
        from nelloc import container, sections
        from nelloc.image.writing import image_info, mode_of

        assert self.fp is not None
        self._source = str(self.filename or "file")
        # Pillow checks the size itself, once it is known.
        data = self.fp.read(_HEAD_BYTES)
        head = container.parse_head(data, self._source, max_pixels=1 << 62)
        if head is None:
            data += self.fp.read()
            head = container.parse_head(data, self._source, max_pixels=1 << 62)
        if head is None:
            raise NellocError(f"{self._source}: it ends too early, at byte {len(data)}; get the file again")
        described = sections.read_description(head, self._source)
        self._mode = mode_of(head.kind, self._source)
        self._size = (head.width, head.height)
        self.info.update(image_info(described.metadata))
        self.metadata = described.metadata
        self.text = {text.keyword: text.text for text in described.metadata.texts}
        if described.palette is not None:
            self.palette = ImagePalette.raw(described.palette.mode, described.palette.colours)

    def load(self) -> Any:
        """Decode the pixels, the first time."""
        if self._loaded is None:
            from nelloc import codec, decoding
            from nelloc.image.writing import to_image

            assert self.fp is not None
            self.fp.seek(0)
            options = codec.Options(max_pixels=self.width * self.height)
            file = decoding.open_file(self.fp.read(), self._source, options)
            (pixels,) = decoding.decode_files([file], [self._source], options)
            self._loaded = to_image(pixels, self._source)
            self.im, self.palette = self._loaded.im, self._loaded.palette
            self.info.update(self._loaded.info)
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    _loaded: Image.Image | None = None


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    from nelloc import codec
    from nelloc.image.reading import from_image
    from nelloc.image.reading_metadata import with_given

    given = dict(image.encoderinfo)
    metadata = {name: given.pop(name, None) for name in ("icc_profile", "exif", "xmp", "dpi")}
    pixels = from_image(image, str(filename) or "image")
    pixels = replace(pixels, metadata=with_given(pixels.metadata, metadata))
    file.write(codec.encode(pixels, **given))
