"""What a long experiment has finished before it was interrupted: tensors in files, found again by the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nelloc import __version__, storage
from nelloc.research.experiment import Settings


def kept(settings: Settings, name: str, make: Callable[[], dict[str, Tensor]], **details: object) -> dict[str, Tensor]:
    """The tensors of the stage ``name``: those of an interrupted run with the same settings, else made and kept.

    ``details`` are what they depend on besides the settings and nelloc's version. A stage has random numbers of its
    own, so that what follows does not depend on whether it was made or found. Raises NellocError if the file cannot be
    written. Where there is no ``settings.stages`` nothing is kept.
    """
    origin = json.dumps(
        {
            "nelloc": __version__,
            "stage": name,
            "seed": settings.seed,
            "epochs": settings.epochs,
            "quick": settings.quick,
            **{key: str(value) for key, value in details.items()},
        },
        sort_keys=True,
    )
    path = settings.stages / f"{name}.safetensors" if settings.stages else None
    if path is not None and path.is_file():
        try:
            with safe_open(path, "pt") as file:
                if (file.metadata() or {}).get("origin") == origin:
                    return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no dict)
        except SafetensorError:
            pass  # damaged: made anew
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(hashlib.sha256(origin.encode()).digest()[:7], "big"))
        tensors = {key: tensor.detach().contiguous() for key, tensor in make().items()}
    if path is not None:
        storage.make_folder(path.parent)
        storage.write(path, save(tensors, {"origin": origin}), force=True)
    return tensors
