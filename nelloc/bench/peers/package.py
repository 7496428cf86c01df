"""Shared code of peers that are Python packages."""

from __future__ import annotations

import importlib.metadata
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nelloc.extras import failure


def missing_package(package: str, module: str) -> str | None:
    """Message that a Python package is not installed, or cannot be imported; None if it can."""
    reason = failure(module)
    return None if reason is None else f"{package} {reason}"


def version_of(package: str) -> str:
    """Name and version of a Python package."""
    return f"{package} {importlib.metadata.version(package)}"


def save(array: NDArray, form: str, **options: Any) -> bytes:
    """Encode an image with Pillow."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, form, **options)
    return out.getvalue()


def load(data: bytes, form: str) -> NDArray:
    """Decode an image with Pillow."""
    with Image.open(io.BytesIO(data), formats=[form]) as opened:
        return np.asarray(opened)
