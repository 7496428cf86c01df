"""A tree of photographs, and runs of the command over it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import Result
from running import invoke

MODEL = ("--model", "model.nlm")
TREE = ("photos/a.png", "photos/sub/b.bmp", "photos/sub/deep/c.png", "photos/sub/deep/d.webp")
OUTPUTS = ["a.nlc", "sub/b.nlc", "sub/deep/c.nlc", "sub/deep/d.nlc"]


def pixels(name: str) -> np.ndarray:
    seed = sum(name.encode())
    return np.random.default_rng(seed).integers(0, 256, (5 + seed % 3, 7, 3), dtype=np.uint8)


def files_in(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if not path.is_dir())


def rows(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def compressed() -> None:
    assert invoke("compress", "-r", "photos", "--output-dir", "out", "-q", *MODEL).exit_code == 0
