"""Runs over a folder of three small photographs, and what they left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from nelloc.files.batch.outcome import Outcome
from nelloc.files.batch.run import compress_folder

NAMES = ["a", "b", "c"]


def image(seed: int, size: int = 8) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def compress(**keywords) -> dict[str, Outcome]:
    """The outcomes of a run from ``in`` to ``out``, by the inputs' stems."""
    return by_stem(compress_folder(["in"], "out", recursive=True, model="model.nlm", **keywords))


def by_stem(outcomes: Iterator[Outcome]) -> dict[str, Outcome]:
    return {Path(outcome.source).stem: outcome for outcome in outcomes}


def kinds(outcomes: dict[str, Outcome]) -> dict[str, type]:
    return {name: type(outcome) for name, outcome in outcomes.items()}


def inputs() -> list[str]:
    return sorted(path.stem for path in Path("in").rglob("*.png"))


def outputs() -> list[str]:
    return sorted(path.name for path in Path("out").rglob("*") if path.is_file())
