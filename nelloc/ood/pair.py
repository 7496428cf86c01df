"""A pair of models of the same images: a local one and a full PixelCNN, in one file.

The file is safetensors: the weights of both in 16 bits, named ``local.*`` and ``full.*``, and JSON in its metadata.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from nelloc import disk, storage
from nelloc.errors import NellocError, unreadable
from nelloc.exact import model_store
from nelloc.training.networks.full import FullConfig, FullNetwork

FORMAT = 1
SUFFIX = ".safetensors"
# Files that `nelloc train --ood` writes in the folder of its run: its settings, and in the end the pair.
SETTINGS, PAIR = "pair.json", f"pair{SUFFIX}"
PARTS = ("local", "full")


@dataclass(frozen=True)
class Pair:
    """Two networks for images of ``height`` x ``width``, with the same number of channels.

    ``about`` describes their training data.
    """

    local: FullNetwork
    full: FullNetwork
    height: int
    width: int
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        local, full = self.local.config, self.full.config
        if local.kernel != 1 and local.blocks:
            raise NellocError("the local model of a pair has kernels that widen its window; give one with kernel 1")
        if local.channels != full.channels:
            raise NellocError(
                f"a pair of models of {local.channels} and {full.channels} channels; give two with equal channels"
            )

    @property
    def channels(self) -> int:
        """Number of channels of the images."""
        return self.full.config.channels

    @property
    def shape(self) -> str:
        """Size and channels of the images, in words."""
        return f"{self.width}x{self.height} {'RGB' if self.channels == 3 else 'gray'}"


def save(pair: Pair) -> bytes:
    """Serialise a pair; equal pairs give equal bytes."""
    tensors = {
        f"{part}.{name}": weight.detach().half().contiguous()
        for part in PARTS
        for name, weight in getattr(pair, part).state_dict().items()
    }
    about = {
        "format": FORMAT,
        "height": pair.height,
        "width": pair.width,
        **{part: asdict(getattr(pair, part).config) for part in PARTS},
        "about": dict(pair.about),
    }
    return safetensors.torch.save(tensors, metadata={"pair": json.dumps(about)})


def load(path: Path) -> Pair:
    """Load a pair from its file, or from the folder of a finished run. Raises NellocError for anything else."""
    if disk.is_folder(path):
        if disk.exists(path / SETTINGS) and not disk.exists(path / PAIR):
            raise NellocError(f"{path}: has no {PAIR}; finish its training: nelloc train --ood --resume --out {path}")
        if not disk.exists(path / PAIR):
            raise NellocError(f"{path}: has no {PAIR}; give the folder of a run of nelloc train --ood")
        path = path / PAIR
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["pair"])
            if about["format"] != FORMAT:
                raise ValueError(f"its format {about['format']} is not {FORMAT}")
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a mapping)
        networks = {}
        for part in PARTS:
            network = FullNetwork(FullConfig(**about[part]))
            own = {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}
            network.load_state_dict(own)
            networks[part] = network.eval().requires_grad_(False)
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise ValueError("some of its weights are not finite")
        return Pair(networks["local"], networks["full"], int(about["height"]), int(about["width"]), about["about"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
            raise unreadable(path, error) from error
        if isinstance(error, KeyError):
            error = ValueError(f"{error.args[0]} is missing from its metadata")
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        raise NellocError(f"{path}: no pair of models ({reason}); shipped pairs are: {_names()}") from error


def find(name: str) -> Pair:
    """Load a pair by a shipped one's name, or the path of a file or of a run. Raises NellocError if there is none."""
    return load(model_store.shipped_pairs().get(name, Path(name)))


def write(path: Path, pair: Pair) -> None:
    """Write a pair whole or not at all."""
    storage.write(path, save(pair), force=True)


def _names() -> str:
    return ", ".join(model_store.shipped_pairs()) or "none"
