"""What the tests share: a small model of random weights, and the folder of test images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nelloc.exact.context import ContextTables, Inputs, input_count
from nelloc.exact.model import ExactModel, Layer, load_model, output_count, save_model

GOLDEN = Path(__file__).parent / "golden"


def data_folder() -> Path | None:
    """The folder of test images: NELLOC_DATA, or ../shared/data beside the checkout; None if absent."""
    folder = Path(os.environ.get("NELLOC_DATA", Path(__file__).parents[2] / "shared" / "data"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data() -> Path:
    """The data folder; the test is skipped where there is none."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no test images: set NELLOC_DATA to a folder that has them")
    return folder


def small_model_bytes(
    seed: int = 0,
    width: int = 16,
    horizon: int = 3,
    components: int = 3,
    channels: int = 3,
    inputs: Inputs = "normalised",
    joint: bool = True,
    borders: bool = False,
) -> bytes:
    """A model file with random weights and one residual block, for tests that need speed, not a good rate."""
    from nelloc.models.export import mixture_tables

    random = np.random.default_rng(seed)
    first = (input_count(horizon, channels, inputs, borders), width)
    sizes = [first, *[(width, width)] * 4, (width, output_count(components, channels))]
    layers = []
    for index, (columns, rows) in enumerate(sizes):
        final = index == len(sizes) - 1
        limit = 400 if index == 0 else 60
        weight = random.integers(-limit, limit + 1, (rows, columns))
        bias = random.integers(-3000, 3000, rows)
        shift = np.full(rows, 10 if index == 0 else 4 if final else 7)
        skip = 0 if index == 3 else None
        layers.append(Layer(*(a.astype(np.int32) for a in (weight, bias, shift)), skip))
    return save_model(
        horizon=horizon,
        components=components,
        joint=joint,
        layers=tuple(layers),
        context=ContextTables.of(channels, inputs),
        mixture=mixture_tables(),
        channels=channels,
        inputs=inputs,
        borders=borders,
    )


# Models of every kind besides the usual one, normalised RGB with a joint mixture: fields of ``small_model_bytes``.
OTHER_KINDS: dict[str, dict] = {
    "gray": {"channels": 1},
    "raw": {"inputs": "raw", "joint": False},
    "raw gray": {"inputs": "raw", "channels": 1},
    "raw horizon 1": {"inputs": "raw", "horizon": 1},
    "raw horizon 5": {"inputs": "raw", "horizon": 5, "joint": False},
    "separate": {"joint": False},
    "borders": {"borders": True},
    "borders gray": {"borders": True, "channels": 1, "horizon": 4},
    "borders raw": {"borders": True, "inputs": "raw", "horizon": 5},
}


@pytest.fixture(scope="session", params=OTHER_KINDS)
def other_model_path(request, tmp_path_factory) -> Path:
    """A model of each of OTHER_KINDS as a file."""
    path = tmp_path_factory.mktemp("model") / f"{request.param.replace(' ', '-')}.nlm"
    path.write_bytes(small_model_bytes(**OTHER_KINDS[request.param]))
    return path


@pytest.fixture(scope="session")
def small_model() -> ExactModel:
    """The small random model, loaded."""
    return load_model(small_model_bytes(), "small model")


@pytest.fixture(scope="session")
def small_model_path(tmp_path_factory) -> Path:
    """The small random model as a file, for --model."""
    path = tmp_path_factory.mktemp("model") / "small.nlm"
    path.write_bytes(small_model_bytes())
    return path


@pytest.fixture(scope="module")
def model_only():
    """Code every tile with the model, whatever its pixels: for tests of the model's streams."""
    from nelloc import plans
    from nelloc.container import Method

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "_trials", lambda *_: iter([plans.Trial(Method.MIXTURE)]))
        yield
