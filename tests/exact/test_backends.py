"""Every backend gives the same integers, and one that does not is never used."""

import numpy as np
import pytest
from materials import OTHER_KINDS, small_model_bytes

from nelloc import NellocError, library
from nelloc.exact import backends
from nelloc.exact.context import INPUT_CLIP
from nelloc.exact.model import load_model


def inputs(model, n, seed=0):
    random = np.random.default_rng(seed)
    shape = (model.layers[0].weight.shape[1], n)
    extreme = random.integers(0, 2, shape) * 2 * INPUT_CLIP - INPUT_CLIP
    return np.where(random.random(n) < 0.3, extreme, random.integers(-INPUT_CLIP, INPUT_CLIP + 1, shape))


def available(name):
    reason = backends.BACKENDS[name].available()
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.parametrize("name", backends.BACKENDS)
@pytest.mark.parametrize("which", ["shipped", "small", *OTHER_KINDS])
def test_every_backend_equals_64_bit_integers(name, which):
    available(name)
    model = library.find() if which == "shipped" else load_model(small_model_bytes(**OTHER_KINDS.get(which, {})))
    evaluator = backends.prepare(model, name)
    for n in (1, 2, 63, 500, 64):
        x = inputs(model, n, seed=n)
        assert np.array_equal(evaluator(x.astype(np.float32)), backends.integer_outputs(model, x))


class _Wrong:
    """A backend whose sums saturate at 16 bits, like old int8 kernels."""

    name = "wrong"

    def available(self):
        return None

    def prepare(self, model):
        def evaluate(x):
            exact = backends.integer_outputs(model, x.astype(np.int64))
            return np.clip(exact, -(2**15), 2**15 - 1).astype(np.float32)

        return evaluate


class _Float16(_Wrong):
    """A backend that rounds operands to half precision, like TF32 products."""

    def prepare(self, model):
        def evaluate(x):
            return backends.integer_outputs(model, x.astype(np.float16).astype(np.int64) // 2 * 2).astype(np.float32)

        return evaluate


@pytest.mark.parametrize("broken", [_Wrong(), _Float16()])
def test_a_backend_with_wrong_integers_is_refused(broken, monkeypatch):
    monkeypatch.setitem(backends.BACKENDS, "wrong", broken)
    monkeypatch.setattr(backends, "_answers", {})
    with pytest.raises(NellocError, match="backend wrong: gives wrong integers"):
        backends.prepare(library.find(), "wrong")


def test_unknown_and_unavailable_backends_are_refused_with_a_sentence(monkeypatch):
    with pytest.raises(NellocError, match="backend abacus: unknown"):
        backends.prepare(library.find(), "abacus")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NellocError, match="torch is not installed"):
        backends.prepare(library.find(), "torch-int8")
