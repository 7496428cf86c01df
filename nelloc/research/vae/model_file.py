"""A VAE in a file: safetensors with the architecture as metadata."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import safetensors
import safetensors.torch

from nelloc.errors import NellocError, unreadable
from nelloc.exact.safetensors_header import read_metadata
from nelloc.research.vae.models import VAE, Architecture, Kind

_FORMAT = "nelloc-vae"


def to_bytes(vae: VAE) -> bytes:
    """Serialise a model: safetensors with the architecture as metadata."""
    tensors = {name: value.detach().contiguous() for name, value in vae.state_dict().items()}
    return safetensors.torch.save(tensors, {_FORMAT: json.dumps(asdict(vae.architecture))})


def from_bytes(data: bytes, source: str) -> VAE:
    """Parse the result of ``to_bytes``, for evaluation. Raises NellocError for anything else; ``source`` names it."""
    try:
        architecture = Architecture(**json.loads(read_metadata(data, _FORMAT)))
        if architecture.kind not in get_args(Kind):
            raise ValueError(f"kind {architecture.kind}")
        vae = VAE(architecture)
        vae.load_state_dict(safetensors.torch.load(data))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise NellocError(f"{source}: not a VAE of nelloc; give one that nelloc research wrote") from error
    return vae.eval()


def load(path: Path) -> VAE:
    """Load the model in a file. Raises NellocError if it cannot be read."""
    try:
        return from_bytes(path.read_bytes(), str(path))
    except OSError as error:
        raise unreadable(path, error) from error


def identity(vae: VAE) -> bytes:
    """Model id: the first eight bytes of the SHA-256 of its file."""
    return hashlib.sha256(to_bytes(vae)).digest()[:8]
