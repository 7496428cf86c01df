"""Header of a safetensors file: the description of its tensors, and its metadata."""

from __future__ import annotations

import json
from typing import Any


def read_header(data: bytes) -> tuple[dict[str, Any], int]:
    """Parse the JSON header, and return it with the offset of the tensors' data.

    The file starts with the header's length in 8 bytes. Raises ValueError if the header is truncated or not JSON.
    """
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise ValueError("truncated")
    return json.loads(data[8 : 8 + length]), 8 + length


def read_metadata(data: bytes, key: str) -> str:
    """Text under ``key`` in the metadata. Raises ValueError, KeyError or TypeError if there is none."""
    return read_header(data)[0]["__metadata__"][key]
