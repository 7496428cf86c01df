"""Every backend gives the same integers, and one that does not is never used."""

import dataclasses
import sys
import warnings
from functools import partial

import numpy as np
import pytest
from materials import OTHER_KINDS, small_model_bytes

from nelloc import NellocError
from nelloc.errors import NellocWarning
from nelloc.exact import backends, model_store, native, tile_coder
from nelloc.exact.backends.numpy_float import NumpyBackend
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
    model = model_store.find() if which == "shipped" else load_model(small_model_bytes(**OTHER_KINDS.get(which, {})))
    evaluator = backends.prepare(model, name)
    for n in (1, 2, 63, 500, 64):
        x = inputs(model, n, seed=n)
        outputs, hidden = evaluator(x.astype(np.float32))
        assert np.array_equal(outputs, backends.integer_outputs(model, x))
        assert np.array_equal(outputs, backends.integer_product(model.layers[-1], hidden.astype(np.int64)))
        assert outputs.dtype == hidden.dtype == np.float32


def alone(outputs):
    """What an evaluator returns that is only asked for its outputs."""
    return outputs, np.empty((0, outputs.shape[1]), np.float32)


class _Wrong:
    """A backend whose sums saturate at 16 bits, like old int8 kernels."""

    name = "wrong"

    def available(self):
        return None

    def prepare(self, model):
        def evaluate(x):
            exact = backends.integer_outputs(model, x.astype(np.int64))
            return alone(np.clip(exact, -(2**15), 2**15 - 1).astype(np.float32))

        return evaluate


class _Float16(_Wrong):
    """A backend that rounds operands to half precision, like TF32 products."""

    def prepare(self, model):
        def evaluate(x):
            rounded = x.astype(np.float16).astype(np.int64) // 2 * 2
            return alone(backends.integer_outputs(model, rounded).astype(np.float32))

        return evaluate


@pytest.mark.parametrize("broken", [_Wrong(), _Float16()])
def test_a_backend_with_wrong_integers_is_refused(broken, monkeypatch):
    monkeypatch.setitem(backends.BACKENDS, "wrong", broken)
    monkeypatch.setattr(backends, "_failures", {})
    with pytest.raises(NellocError, match="backend wrong: gives wrong integers"):
        backends.prepare(model_store.find(), "wrong")


def test_unknown_and_unavailable_backends_are_refused_with_a_sentence(monkeypatch):
    with pytest.raises(NellocError, match="backend abacus: unknown"):
        backends.prepare(model_store.find(), "abacus")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NellocError, match="torch is not installed"):
        backends.prepare(model_store.find(), "torch-int8")


@pytest.fixture
def untested(monkeypatch):
    """A process that has tested nothing so far."""
    monkeypatch.setattr(backends, "_failures", {})
    monkeypatch.setattr(backends, "_left_out", set())


def off_by_one(outputs):
    return outputs + 1


def break_levels(monkeypatch, broken, spoil=off_by_one):
    """Give the CPU levels ``broken`` wrong integers."""
    right = native.evaluate

    def evaluate(model, level, inputs):
        outputs, hidden = right(model, level, inputs)
        return (spoil(outputs) if level in broken else outputs), hidden

    monkeypatch.setattr(native, "evaluate", evaluate)


def break_numpy(monkeypatch, *broken):
    """Give backends of NumPy wrong integers."""

    class Broken(NumpyBackend):
        def prepare(self, model):
            right = super().prepare(model)
            return lambda inputs: alone(right(inputs)[0] + 1)

    for name in broken:
        monkeypatch.setitem(backends.BACKENDS, name, Broken(name, np.float64))


def warned(function, *arguments):
    """What a function gives, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        found = function(*arguments)
    assert all(warning.category is NellocWarning for warning in given)
    return found, [str(warning.message) for warning in given]


@pytest.mark.usefixtures("untested")
@pytest.mark.skipif(native._native is None, reason="the core is not built")
class TestNothingTrustsItself:
    def test_what_is_right_is_used_without_a_word(self):
        model = model_store.find()
        assert warned(backends.chosen, model) == ("native", [])
        assert backends.level_of(model, "native") == native.levels()[0]

    def test_a_broken_level_is_left_out_with_one_warning_and_the_next_is_used(self, monkeypatch):
        model, levels = model_store.find(), native.levels()
        for count in range(1, len(levels)):
            for name in ("_failures", "_left_out"):
                getattr(backends, name).clear()
            with monkeypatch.context() as patch:
                break_levels(patch, levels[:count])
                found, messages = warned(backends.chosen, model)
                assert found == "native"
                assert messages == [
                    f"CPU level {level} gives wrong integers on this machine and is not used"
                    for level in levels[:count]
                ]
                # Once in a process, for all models; also where the core is asked for.
                for other in (model, model_store.find("fast")):
                    for name in (None, "native"):
                        assert warned(backends.chosen, other, name) == ("native", [])
                    assert warned(backends.level_of, other, "native") == (levels[count], [])

    def test_a_level_that_raises_is_left_out_too(self, monkeypatch):
        def refuse(outputs):
            raise ValueError("an argument is outside of its range")

        model, levels = model_store.find(), native.levels()
        break_levels(monkeypatch, levels, refuse)
        found, messages = warned(backends.chosen, model)
        assert (found, len(messages)) == ("numpy", 1)

    def test_without_a_level_numpy_is_used_and_without_numpy_the_reference(self, monkeypatch):
        model, native_is_out = (
            model_store.find(),
            "backend native gives wrong integers on this machine on every CPU level",
        )
        break_levels(monkeypatch, native.levels())
        assert warned(backends.chosen, model) == ("numpy", [f"{native_is_out} and is not used"])
        break_numpy(monkeypatch, "numpy")
        for name in ("_failures", "_left_out"):
            getattr(backends, name).clear()
        numpy_is_out = "backend numpy gives wrong integers on this machine and is not used"
        assert warned(backends.chosen, model) == ("reference", [f"{native_is_out} and is not used", numpy_is_out])
        assert warned(backends.chosen, model) == ("reference", [])

    def test_where_nothing_is_right_nothing_is_coded(self, monkeypatch):
        break_levels(monkeypatch, native.levels())
        break_numpy(monkeypatch, "numpy", "reference")
        with pytest.warns(NellocWarning), pytest.raises(NellocError, match="no backend gives the right integers"):
            backends.chosen(model_store.find())

    @pytest.mark.parametrize("name", ["native", "numpy", "reference"])
    def test_a_broken_backend_that_was_asked_for_is_refused_by_name_and_not_warned_of(self, monkeypatch, name):
        break_levels(monkeypatch, native.levels())
        break_numpy(monkeypatch, "numpy", "reference")

        def refuse():
            with pytest.raises(NellocError, match=f"backend {name}: gives wrong integers on this machine"):
                backends.chosen(model_store.find(), name)

        for _ in range(2):
            assert warned(refuse) == (None, [])

    def test_a_broken_level_codes_nothing(self, monkeypatch):
        """The core that codes is that of the level that passed."""
        levels = native.levels()
        if len(levels) < 2:
            pytest.skip("this machine has one level")
        break_levels(monkeypatch, levels[:1])
        used = []
        monkeypatch.setattr(tile_coder, "Core", lambda model, bits, level, learns, rule: used.append(level))
        warned(tile_coder.tile_coder, model_store.find())
        assert used == [levels[1]]


@pytest.mark.parametrize("kind", ["saturates", "rounds"])
@pytest.mark.parametrize("which", ["default", "fast", "high", "default-gray", *OTHER_KINDS])
@pytest.mark.usefixtures("untested")
def test_numbers_that_overflow_or_are_rounded_are_noticed(kind, which):
    """The faults of kernels: sums of pairs that saturate at 16 bits, and products that keep 16 bits."""
    model = load_model(small_model_bytes(**OTHER_KINDS[which])) if which in OTHER_KINDS else model_store.find(which)

    def prepare(fault, network):
        return lambda x: alone(faulty_outputs(network, x.astype(np.int64), fault))

    assert not backends.known_answers(partial(prepare, kind), model)
    assert backends.known_answers(partial(prepare, ""), model)


def faulty_outputs(model, x, kind):
    """What a network gives whose layers have a fault of arithmetic."""

    def product(layer, x):
        weight = layer.weight.astype(np.int64)
        if kind == "saturates":  # like the instruction that adds two products of bytes
            products = weight[:, :, None] * x[None]
            if products.shape[1] % 2:
                products = np.pad(products, ((0, 0), (0, 1), (0, 0)))
            sums = np.clip(products[:, ::2] + products[:, 1::2], -(2**15), 2**15 - 1).sum(axis=1)
        else:
            sums = weight @ x
        if kind == "rounds":  # like sums that are kept in 16 bits of mantissa
            low = np.maximum(np.floor(np.log2(np.maximum(abs(sums), 1))).astype(int) - 15, 0)
            sums = sums >> low << low
        return (sums + layer.bias[:, None]) >> layer.shift[:, None]

    activations = []
    for layer in model.layers[:-1]:
        x = product(layer, x) + (0 if layer.skip is None else activations[layer.skip])
        activations.append(x := np.clip(x, 0, 255))
    return product(model.layers[-1], x)


@pytest.mark.parametrize("which", ["default", "fast", "high", "default-gray", *OTHER_KINDS])
def test_a_sum_that_is_wrong_by_one_is_noticed_in_every_layer(which):
    """A fault of one output of one layer: kernels have ends of rows, and several ways to multiply."""
    model = load_model(small_model_bytes(**OTHER_KINDS[which])) if which in OTHER_KINDS else model_store.find(which)

    def wrong_outputs(network, x, index, row, by):
        bias = network.layers[index].bias.copy()
        bias[row] += by
        layers = list(network.layers)
        layers[index] = dataclasses.replace(layers[index], bias=bias)
        return backends.integer_outputs(dataclasses.replace(network, layers=tuple(layers)), x)

    for index, layer in enumerate(model.layers):
        for row, by in ((0, 1), (len(layer.bias) - 1, -1)):

            def prepare(network, index=index, row=row, by=by):
                return lambda x: alone(wrong_outputs(network, x, index, row, by))

            assert not backends.known_answers(prepare, model), (index, row)
