"""Intermediate results of a long experiment, which an interrupted run leaves for the next one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import torch
from torch import Tensor

from nelloc import __version__, disk
from nelloc.research import tensor_file
from nelloc.research.experiment import Settings
from nelloc.research.tensor_file import TensorFile

# Version of nelloc that stands in the seed of a stage's random numbers, whatever version it is made by, so that a run
# with the same settings gives the same numbers with each.
RANDOM_NUMBERS_OF = "1.0.0"


def stage(settings: Settings, name: str, make: Callable[[], dict[str, Tensor]], **details: object) -> dict[str, Tensor]:
    """Load the tensors of the stage ``name`` from an interrupted run with the same settings, or make and save them.

    ``details`` are further dependencies besides the settings and nelloc's version, data for instance. A stage has its
    own random numbers, so later results do not depend on whether it was made or loaded. Raises NellocError if the file
    cannot be written. Without ``settings.stages`` nothing is saved.
    """
    origin = {
        "nelloc": __version__,
        "stage": name,
        "seed": settings.seed,
        "epochs": settings.epochs,
        "width": settings.width,
        "length": settings.length,
        **{key: str(value) for key, value in details.items()},
    }
    path = settings.stages / f"{name}.safetensors" if settings.stages else None
    if path is not None and disk.is_file(path):
        found = tensor_file.read(path)
        if found is not None and found.origin == origin:  # else made anew
            return dict(found.tensors)
    with torch.random.fork_rng(devices=[]):
        drawn_for = origin | {"nelloc": RANDOM_NUMBERS_OF}
        seed = hashlib.sha256(json.dumps(drawn_for, sort_keys=True).encode()).digest()[:7]
        torch.manual_seed(int.from_bytes(seed, "big"))
        tensors = {key: tensor.detach().contiguous() for key, tensor in make().items()}
    if path is not None:
        tensor_file.write(path, TensorFile(tensors, origin, {}))
    return tensors
