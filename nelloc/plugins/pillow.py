""".nlc files in Pillow, after a call of ``register``.

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
from typing import IO, Any

from PIL import Image, ImageFile, ImagePalette

from nelloc.errors import NellocError

FORMAT = "NLC"
EXTENSION = ".nlc"
MIME = "image/x-nelloc"
# Advice in the error of nelloc.exact.model_store for a missing model.
_ADVICE_OF_COMMAND = "give its file with --model, or copy it into"
_SIGNATURE = b"\x8eNL\n"
# Bytes read to parse a file's header; more only if it holds much metadata, or a model.
_HEAD_BYTES = 1 << 16


def register() -> None:
    """Make Pillow open and save .nlc files. Saving takes the keywords of ``nelloc.encode``.

    Notes
    -----
    Images opened from now on remember their files, so that all of their metadata is kept. Images of 16-bit colour,
    which Pillow cuts to 8 bits when it loads them, remember that, so that saving them is refused. Images derived from
    them, as by ``copy``, ``crop`` and ``convert``, do not.

    Examples
    --------
    >>> import nelloc
    >>> nelloc.register()
    """
    Image.register_open(FORMAT, NellocImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extension(FORMAT, EXTENSION)
    Image.register_mime(FORMAT, MIME)
    _remember_files()


def _remember_files() -> None:
    """Make images of the supported formats remember, when they are opened, what cannot be seen later."""
    from nelloc.image.reading import INPUT_FORMATS

    Image.init()
    for name in INPUT_FORMATS:
        if name not in Image.OPEN:  # this Pillow was built without it
            continue
        factory, accept = Image.OPEN[name]
        if not isinstance(factory, _Remembering):
            Image.register_open(name, _Remembering(factory), accept)


@dataclass(frozen=True)
class _Remembering:
    """Opener of a format whose images remember their files."""

    factory: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        from nelloc.image.reading import remember

        image = self.factory(*arguments)
        remember(image)
        return image


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(_SIGNATURE)


class NellocImageFile(ImageFile.ImageFile):
    """Opened .nlc file: ``open`` reads its header, ``load`` decodes its pixels.

    Raises NellocError for a damaged file, and for 16-bit colour, which Pillow cannot hold.
    """

    format = FORMAT
    format_description = "nelloc"

    def _open(self) -> None:
        from nelloc.codec import container, description
        from nelloc.image.reading_metadata import image_info
        from nelloc.image.writing import mode_of

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
        described = description.read_description(head, self._source)
        self._mode = self.opened_mode = mode_of(head.kind, self._source)
        self._size = (head.width, head.height)
        self.info.update(image_info(described.metadata))
        self.metadata = described.metadata
        self.text = {text.keyword: text.text for text in described.metadata.texts}
        transparency: Any = described.transparent
        if transparency is not None and len(transparency) == 1:
            (transparency,) = transparency
        if described.palette is not None:
            transparency = described.palette.transparency
            self.palette = ImagePalette.raw(described.palette.mode, described.palette.colours)
        if transparency is not None:
            self.info["transparency"] = transparency

    def __getstate__(self) -> list[Any]:
        """Return Pillow's pickle state, and the file's metadata."""
        state = super().__getstate__()  # loads it
        palette = None
        if self.mode == "P":
            form = self.palette.mode if self.palette is not None else "RGB"
            palette = (form, bytes(self.im.getpalette(form, form)))
        return [*state, palette, self.metadata, self.text, self.opened_mode, self._source]

    def __setstate__(self, state: list[Any]) -> None:
        """Restore the state of a loaded image."""
        *others, palette, self.metadata, self.text, self.opened_mode, self._source = state
        super().__setstate__(others)
        if palette is not None:
            form, colours = palette
            self.putpalette(colours, form)
        self.fp = None
        self._exclusive_fp = False
        self._is_decoded = True

    def verify(self) -> None:
        """Check the whole file, without keeping its pixels. Raises NellocError if anything is wrong with it."""
        if not self._is_decoded:
            from nelloc.codec.options import DecodeOptions
            from nelloc.files.convert import verify_bytes

            if self.fp is None:
                raise NellocError(f"{self._source}: was closed before it was verified; open it again")
            self.fp.seek(0)
            with _advice_for_python():
                verify_bytes(self.fp.read(), self._source, DecodeOptions(max_pixels=self.width * self.height))
        super().verify()

    def load(self) -> Any:
        """Decode the pixels, on the first call."""
        if not self._is_decoded:
            from nelloc.codec import decode as decoding
            from nelloc.codec.options import DecodeOptions
            from nelloc.image.writing import to_image

            if self.fp is None:
                raise NellocError(f"{self._source}: was closed before its samples were read; open it again")
            self.fp.seek(0)
            options = DecodeOptions(max_pixels=self.width * self.height)
            file = decoding.open_file(self.fp.read(), self._source, options)
            with _advice_for_python():
                (pixels,) = decoding.decode_files([file], [self._source], options)
            loaded = to_image(pixels, self._source)
            self.im, self.palette = loaded.im, loaded.palette
            self._is_decoded = True
            if self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    _is_decoded = False


@contextmanager
def _advice_for_python() -> Iterator[None]:
    """Replace command-line advice in errors by advice for Python."""
    try:
        yield
    except NellocError as error:
        raise NellocError(str(error).replace(_ADVICE_OF_COMMAND, "copy its file into")) from error


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Write an .nlc file, in one piece once it is encoded.

    Pillow empties an existing file before it calls this, so a save that fails leaves it empty; ``nelloc.compress`` and
    ``nelloc.encode`` do not.
    """
    from nelloc import api
    from nelloc.image.reading import from_image
    from nelloc.image.reading_metadata import with_given
    from nelloc.streams import write_whole

    given = dict(image.encoderinfo)
    metadata = {name: given.pop(name) for name in ("icc_profile", "exif", "xmp", "dpi") if name in given}
    source = os.fsdecode(filename) or "image"
    _check_keywords(given, source)
    pixels = from_image(image, source)
    pixels = replace(pixels, metadata=with_given(pixels.metadata, metadata))
    write_whole(file, api.encode(pixels, **given))


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Write an image that was to be saved with all its frames: the only one."""
    given = image.encoderinfo
    more = len(list(given.pop("append_images", ()))) + getattr(image, "n_frames", 1) - 1
    if more:
        source = os.fsdecode(filename) or "image"
        raise NellocError(f"{source}: would hold {more + 1} images, and .nlc files hold one; save each in its own file")
    _save(image, file, filename)


def _check_keywords(given: Mapping[str, Any], source: str) -> None:
    """Raise NellocError for keywords that have no meaning for .nlc files."""
    from nelloc.codec.options import EncodeOptions

    known = {"verify", "options", *(field.name for field in fields(EncodeOptions))}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise NellocError(
            f"{source}: .nlc files are always lossless and have no {', '.join(unknown)}; leave it out, or "
            "choose among the keywords of nelloc.encode, such as effort and model"
        )
