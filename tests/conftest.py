"""Fixtures that all tests share: small models of random weights, and the folder of test images."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from materials import OTHER_KINDS, small_model_bytes
from PIL import Image

from nelloc.exact.model import ExactModel, load_model

# A loaded machine takes as long as it likes.
settings.register_profile("nelloc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nelloc")


# Files whose tests take longest: they begin first, so that processes that share the tests end together.
_LONGEST = (
    "test_other_machines.py",
    "test_golden.py",
    "test_same_bits.py",
    "test_kernels.py",
    "test_decoder_safety.py",
    "test_train.py",
    "test_lattice.py",
    "test_without_core.py",
    "test_jpeg_vectors.py",
    "test_train_pair.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first, in their order."""
    order = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True)
def same_start(monkeypatch) -> None:
    """What a test leaves behind in the process, and the order of tests, are nothing to the next one."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # commands set it
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


# Tests of files that hold their models, as files do by default; others give the model to the decoder.
_WITH_MODELS_INSIDE = ("cli", "files", "test_embedded.py")


@pytest.fixture(autouse=True)
def models_stay_outside(request, monkeypatch) -> None:
    """Files that tests make do not hold the small models, as if these came with nelloc."""
    from nelloc.exact import model_store

    if not set(_WITH_MODELS_INSIDE) & set(request.path.relative_to(Path(__file__).parent).parts):
        monkeypatch.setattr(model_store, "to_embed", lambda model: None)


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
    from nelloc.codec import search
    from nelloc.codec.format import Method

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_trials", lambda *_: iter([search.Trial(Method.MIXTURE)]))
        yield
