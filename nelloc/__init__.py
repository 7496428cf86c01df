"""nelloc: lossless image compression with small local autoregressive networks.

>>> import nelloc, numpy
>>> image = numpy.zeros((4, 6, 3), numpy.uint8)
>>> data = nelloc.encode(image)
>>> bool((nelloc.decode(data) == image).all())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.codec.encode import Options, decode, decode_many, encode, encode_many
    from nelloc.files.convert import compress, decompress
    from nelloc.plugins.pillow import register

__version__ = "0.1.0"
__all__ = [
    "NellocError",
    "Options",
    "__version__",
    "compress",
    "decode",
    "decode_many",
    "decompress",
    "encode",
    "encode_many",
    "register",
]

_HOMES = dict.fromkeys(("Options", "decode", "decode_many", "encode", "encode_many"), "codec.encode")
_HOMES |= dict.fromkeys(("compress", "decompress"), "files.convert")
_HOMES["register"] = "plugins.pillow"


def __getattr__(name: str):
    """Import the codec when it is first used, so that ``nelloc --help`` does not wait for NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nelloc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"nelloc.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """What is there, and what is imported when it is first used."""
    return sorted({*globals(), *__all__})
