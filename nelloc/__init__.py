"""nelloc: lossless image compression with small local autoregressive networks.

>>> import nelloc, numpy
>>> image = numpy.zeros((4, 6, 3), numpy.uint8)
>>> data = nelloc.encode(image)
>>> bool((nelloc.decode(data) == image).all())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nelloc.errors import NellocError, NellocWarning

if TYPE_CHECKING:
    from nelloc.api import decode, decode_many, encode, encode_many
    from nelloc.codec.options import DecodeOptions, EncodeOptions
    from nelloc.codec.progress import Progress
    from nelloc.codec.tiling import Rectangle
    from nelloc.files.batch.run import compress_folder, decompress_folder
    from nelloc.files.convert import compress, decompress, verify
    from nelloc.files.info import info
    from nelloc.plugins.pillow import register

__version__ = "1.0.0"

_HOMES = {
    "api": ("decode", "decode_many", "encode", "encode_many"),
    "codec.options": ("DecodeOptions", "EncodeOptions"),
    "codec.progress": ("Progress",),
    "codec.tiling": ("Rectangle",),
    "files.batch.run": ("compress_folder", "decompress_folder"),
    "files.convert": ("compress", "decompress", "verify"),
    "files.info": ("info",),
    "plugins.pillow": ("register",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "DecodeOptions",
    "EncodeOptions",
    "NellocError",
    "NellocWarning",
    "Progress",
    "Rectangle",
    "__version__",
    "compress",
    "compress_folder",
    "decode",
    "decode_many",
    "decompress",
    "decompress_folder",
    "encode",
    "encode_many",
    "info",
    "register",
    "verify",
]


def __getattr__(name: str):
    """Import the codec when it is first used, so that ``nelloc --help`` does not wait for NumPy."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'nelloc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"nelloc.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """Public names, also those that are imported when they are first used."""
    return sorted({*globals(), *__all__})
