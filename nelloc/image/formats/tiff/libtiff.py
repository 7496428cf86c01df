"""Silence of libtiff, with which Pillow decompresses, and which writes to the terminal itself."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_HANDLERS = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
_lock = threading.Lock()
_silenced = 0
_former: list[tuple[Any, Any]] = []


@contextmanager
def quiet_libtiff() -> Iterator[None]:
    """Stop Pillow's libtiff from writing to the terminal, where its functions can be reached."""
    global _silenced
    with _lock:
        if _silenced == 0:
            _former[:] = [(setter, setter(None)) for setter in _setters()]
        _silenced += 1
    try:
        yield
    finally:
        with _lock:
            _silenced -= 1
            if _silenced == 0:
                for setter, handler in _former:
                    setter(handler)


def _setters() -> list[Any]:
    """Functions of libtiff that install handlers of errors and warnings."""
    try:
        library = ctypes.CDLL(import_module("PIL._imaging").__file__)
        found = [getattr(library, name) for name in _HANDLERS]
    except (AttributeError, ImportError, OSError):  # linked differently
        return []
    for setter in found:
        setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
    return found
