"""Tensor files with their origin and a checksum, from which interrupted runs continue."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nelloc import storage
from nelloc.exact.safetensors_header import read_metadata

_KEY = "nelloc"


@dataclass(frozen=True)
class TensorFile:
    """Tensors by name; ``origin`` has all that they depend on, ``notes`` additional information. Both are JSON."""

    tensors: Mapping[str, Tensor]
    origin: Mapping[str, Any]
    notes: Mapping[str, Any]


def write(path: Path, file: TensorFile) -> None:
    """Write a file, whole or not at all, replacing an existing one. Raises NellocError if that fails."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in file.tensors.items()}
    told = json.dumps({"origin": file.origin, "notes": file.notes}, sort_keys=True)
    storage.make_folder(path.parent)
    storage.write(path, save(tensors, {_KEY: told, "checksum": _checksum(told, tensors)}), force=True)


def read(path: Path) -> TensorFile | None:
    """Read a file of ``write``; None if it is damaged or of another kind. Raises NellocError if it cannot be read."""
    data = storage.read(path)
    try:
        tensors = load(data)
        told = read_metadata(data, _KEY)
        if read_metadata(data, "checksum") != _checksum(told, tensors):
            return None
        return TensorFile(tensors, **json.loads(told))
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None


def fingerprint(tensors: Iterable[Tensor]) -> str:
    """Hash of tensors, eight hexadecimal digits."""
    crc = 0
    for tensor in tensors:
        crc = zlib.crc32(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy(), crc)
    return f"{crc:08x}"


def _checksum(told: str, tensors: Mapping[str, Tensor]) -> str:
    names = sorted(tensors)
    return f"{zlib.crc32(json.dumps([told, names]).encode()):08x}" + fingerprint(tensors[name] for name in names)
