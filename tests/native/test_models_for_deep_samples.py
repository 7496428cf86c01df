"""A model that cannot code samples of more than 8 bits is refused with a sentence, whatever computes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes

import nelloc
from nelloc.exact import backends
from nelloc.exact.model import load_model, save_model
from nelloc.exact.tile_coder import tile_coder

MODEL = load_model(small_model_bytes(channels=1))


def saved(**changes) -> bytes:
    """The model with other tables."""
    parts = {name: getattr(MODEL, name) for name in ("horizon", "components", "joint", "layers", "channels")}
    tables = {"context": MODEL.context, "mixture": MODEL.mixture}
    return save_model(**parts, **(tables | changes))


def first_levels(count: int, **changes):
    tables = {name: getattr(MODEL.context, name)[:count] for name in vars(MODEL.context)}
    return dataclasses.replace(MODEL.context, **(tables | changes))


UNUSABLE = {
    "raw": (lambda: small_model_bytes(channels=1, inputs="raw"), "raw inputs"),
    "few levels": (lambda: saved(context=first_levels(7)), "too short"),
    "few scales": (
        lambda: saved(mixture=dataclasses.replace(MODEL.mixture, inverse_scale=MODEL.mixture.inverse_scale[:31])),
        "too short",
    ),
    # The next level would begin at 2 * 1 + 18 = 20, below the last.
    "no order": (lambda: saved(context=first_levels(9, thresholds=np.array([*range(8), 20], np.int32))), "no order"),
}


@pytest.mark.parametrize("backend", ["native", "numpy"])
@pytest.mark.parametrize("name", UNUSABLE)
def test_it_is_refused(name, backend, tmp_path):
    if (reason := backends.BACKENDS[backend].available()) is not None:
        pytest.skip(reason)
    make, words = UNUSABLE[name]
    path = Path(tmp_path, "model.nlm")
    path.write_bytes(make())
    random = np.random.default_rng(0)
    shallow, deep = random.integers(0, 256, (6, 5), np.uint8), random.integers(0, 1 << 16, (6, 5)).astype(np.uint16)
    whole = nelloc.encode(shallow, model=path, backend=backend)
    assert np.array_equal(nelloc.decode(whole, model=path, backend=backend), shallow)
    with pytest.raises(nelloc.NellocError, match=words):
        nelloc.encode(deep, model=path, backend=backend)
    for bits in (10, 12, 14, 16):
        with pytest.raises(nelloc.NellocError, match=words):  # what decodes too
            tile_coder(load_model(path.read_bytes()), bits, backend=backend)
