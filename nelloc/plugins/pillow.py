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

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile, ImagePalette

from nelloc.errors import NellocError

FORMAT = "NLC"
EXTENSION = ".nlc"
MIME = "image/x-nelloc"
# What nelloc.library says of a model that is missing.
_ADVICE_OF_COMMAND = "give its file with --model"
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
        self._source = os.fsdecode(self.filename) or "file"
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
            folder = Path(self._source).parent if self.filename else None
            with _advice_for_python(folder):
                (pixels,) = decoding.decode_files([file], [self._source], options, folder=folder)
            self._loaded = to_image(pixels, self._source)
            self.im, self.palette = self._loaded.im, self._loaded.palette
            self.info.update(self._loaded.info)
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    _loaded: Image.Image | None = None


@contextmanager
def _advice_for_python(folder: Path | None) -> Iterator[None]:
    """Let errors say what helps where there is no command line."""
    try:
        yield
    except NellocError as error:
        from nelloc.library import user_folder

        beside = "beside the image" if folder is not None else "where the image is, and open that by its name"
        advice = f"put its file {beside}, or into the folder {user_folder()}"
        raise NellocError(str(error).replace(_ADVICE_OF_COMMAND, advice)) from error


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Write an .nlc file, all at once when it is coded.

    Pillow empties an existing file before it calls this, so a save that fails leaves it empty; ``nelloc.compress`` and
    ``nelloc.encode`` do not.
    """
    from nelloc import codec
    from nelloc.image.reading import from_image
    from nelloc.image.reading_metadata import with_given

    given = dict(image.encoderinfo)
    metadata = {name: given.pop(name, None) for name in ("icc_profile", "exif", "xmp", "dpi")}
    source = os.fsdecode(filename) or "image"
    _check_keywords(given, source)
    pixels = from_image(image, source)
    pixels = replace(pixels, metadata=with_given(pixels.metadata, metadata))
    file.write(codec.encode(pixels, **given))


def _check_keywords(given: Mapping[str, Any], source: str) -> None:
    """Raise NellocError for keywords that mean nothing to an .nlc file."""
    from nelloc.codec import Options

    known = {"verify", "options", *(field.name for field in fields(Options))}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise NellocError(
            f"{source}: {', '.join(unknown)} means nothing to .nlc files, which are always exact; leave it out, or "
            "choose among the keywords of nelloc.encode, such as effort and model"
        )
