"""Backends: interchangeable ways to compute the integer network, admitted by a known-answer test.

``native`` is the compiled core, which codes whole tiles; the others evaluate the network for the walks in Python. None
trusts itself: before a process first uses one for a model, it evaluates networks of the model's shape whose sums are
known, and one that gives wrong integers is not used.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from nelloc.errors import NellocError, NellocWarning
from nelloc.exact import native
from nelloc.exact.backends.interface import Backend, Evaluator
from nelloc.exact.backends.native_core import NativeBackend, NativeEvaluator
from nelloc.exact.backends.numpy_float import NumpyBackend
from nelloc.exact.backends.torch_products import TorchFloatBackend, TorchInt8Backend
from nelloc.exact.context import INPUT_CLIP
from nelloc.exact.model import ACTIVATION_MAX, SUM_LIMIT, ExactModel, Layer

__all__ = ["BACKENDS", "Backend", "Evaluator", "chosen", "is_native", "level_of", "prepare"]

NATIVE = "native"
# The core on another CPU level than NATIVE uses, for the check after encoding.
CHECK = "native-check"
# For a CPU level another whose code decodes in less than twice its time (benchmarks/results/speed_core.md).
_CHECKED_BY = {"amx": "vnni", "vnni": "avx2", "avxvnni": "avx2"}
BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        NativeBackend(NATIVE),
        NumpyBackend("numpy", np.float32),
        NumpyBackend("reference", np.float64),
        TorchFloatBackend("torch-float32", "cpu"),
        TorchInt8Backend(),
        TorchFloatBackend("torch-cuda", "cuda"),
    )
}
# Backends by default: the first of these that is available and passes the test is used.
_PREFERRED = (NATIVE, "numpy", "reference")
# Numbers of pixels that the known-answer test tries: one, odd, and wide enough for blocked kernels. Backends by default
# must start in milliseconds, and are tried at a number that their kernels do not divide.
_TEST_WIDTHS = (1, 33, 512)
_THIN_TEST_WIDTHS = (7,)


def chosen(model: ExactModel, name: str | None = None) -> str:
    """Choose the backend for ``model``: ``name``, or the fastest that works here.

    A backend by default that gives wrong integers is left out with a warning.

    Raises
    ------
    NellocError
        If ``name`` is unknown, cannot run here or fails the known-answer test; or if no backend passes it.
    """
    if name is not None:
        _require(model, NATIVE if name == CHECK else name)
        return name
    for candidate in _PREFERRED:
        backend = BACKENDS[candidate]
        if backend.available() is not None:
            continue
        failure = _failure(backend, model)
        if failure is None:
            return candidate
        _leave_out(f"backend {candidate}", failure)
    raise NellocError("no backend gives the right integers on this machine; use another machine, this one is unsound")


def is_native(name: str) -> bool:
    """True if a backend is the compiled core."""
    return name in (NATIVE, CHECK)


def for_check(model: ExactModel, name: str | None) -> str:
    """The backend that checks the output of backend ``name``: other code where that takes less than twice as long."""
    backend = chosen(model, name)
    return CHECK if backend == NATIVE else backend


def level_of(model: ExactModel, name: str) -> str:
    """The CPU level that a native backend, which was chosen, uses for ``model``."""
    level = admitted_level(model)
    other = _CHECKED_BY.get(level)
    if name != CHECK or other not in native.levels() or _level_failure(model, other) is not None:
        return level
    return other


def prepare(model: ExactModel, name: str | None = None) -> Evaluator:
    """Prepare an evaluator of ``model`` on a backend, after the known-answer test.

    Raises
    ------
    NellocError
        As ``chosen``.
    """
    name = chosen(model, name)
    return BACKENDS[name].prepare(model)


def named(name: str) -> Backend:
    """The backend of a name. Raises NellocError if it is unknown or cannot run here."""
    backend = BACKENDS.get(name)
    if backend is None:
        raise NellocError(f"backend {name}: unknown; choose one of {', '.join(BACKENDS)}")
    reason = backend.available()
    if reason is not None:
        raise NellocError(f"backend {name}: {reason}; use another --backend, or none to have one chosen")
    return backend


def _require(model: ExactModel, name: str) -> None:
    """Raise NellocError unless backend ``name`` may be used for ``model``."""
    failure = _failure(named(name), model)
    if failure is not None:
        raise NellocError(f"backend {name}: {failure}; use another --backend, or none to have one chosen")


def _failure(backend: Backend, model: ExactModel) -> str | None:
    """Reason why ``backend`` may not evaluate ``model``, or None if it may."""
    if isinstance(backend, NativeBackend):
        return None if admitted_level(model) else f"{_WRONG} on every CPU level"
    widths = _THIN_TEST_WIDTHS if isinstance(backend, NumpyBackend) else _TEST_WIDTHS
    return _tested(f"backend {backend.name}", backend.prepare, model, widths)


def admitted_level(model: ExactModel) -> str:
    """The fastest CPU level of the core that passes the test for ``model``; empty if none does.

    The faster ones that do not are left out with a warning.
    """
    failures: dict[str, str] = {}
    for level in native.levels():
        failure = _level_failure(model, level)
        if failure is None:
            for name, reason in failures.items():
                _leave_out(f"CPU level {name}", reason)
            return level
        failures[level] = failure
    return ""


def _level_failure(model: ExactModel, level: str) -> str | None:
    """Reason why a CPU level may not evaluate ``model``, or None if it may."""
    return _tested(f"CPU level {level}", partial(NativeEvaluator, level=level), model, _THIN_TEST_WIDTHS)


_WRONG = "gives wrong integers on this machine"
# Results of tests by subject and model: None, or why it failed. And the subjects of warnings already given.
_failures: dict[tuple[str, bytes], str | None] = {}
_left_out: set[str] = set()


def _tested(
    what: str, prepare: Callable[[ExactModel], Evaluator], model: ExactModel, widths: Sequence[int]
) -> str | None:
    """Reason why evaluators from ``prepare`` may not be used for ``model``, or None; tested once in a process."""
    key = (what, model.sha256)
    if key not in _failures:
        try:
            _failures[key] = None if known_answers(prepare, model, widths) else _WRONG
        except (RuntimeError, ValueError, NotImplementedError) as error:
            _failures[key] = f"cannot evaluate this model here ({error})"
    return _failures[key]


def _leave_out(what: str, failure: str) -> None:
    """Warn that ``what`` is not used, once in a process."""
    if what not in _left_out:
        _left_out.add(what)
        warnings.warn(f"{what} {failure} and is not used", NellocWarning, stacklevel=3)


def known_answers(
    prepare: Callable[[ExactModel], Evaluator], model: ExactModel, widths: Sequence[int] = _THIN_TEST_WIDTHS
) -> bool:
    """True if the evaluators that ``prepare`` makes give the right integers for networks of the model's shape.

    One network has all weights at each layer's largest, with one sign and the largest inputs (where narrow
    accumulators saturate), one alternating signs, one random weights; each is compared with 64-bit integers. For one
    pixel of the inputs, sums are chosen such that an error of one shows in the output, as far as the limits allow.
    """
    random = np.random.default_rng(20210902)
    for weights in ("largest", "alternating", "random"):
        features = model.layers[0].weight.shape[1]
        shown = (
            random.choice([-INPUT_CLIP, INPUT_CLIP], features) if weights == "random" else np.full(features, INPUT_CLIP)
        )
        network = _test_network(model, weights, shown, random)
        evaluator = prepare(network)
        for n in widths:
            inputs = random.integers(-INPUT_CLIP, INPUT_CLIP + 1, (features, n))
            inputs[:, : n // 2 + 1] = shown[:, None]
            outputs, _ = evaluator(inputs.astype(np.float32))
            if not np.array_equal(outputs, integer_outputs(network, inputs)):
                return False
    return True


def integer_outputs(model: ExactModel, inputs: np.ndarray) -> np.ndarray:
    """The network in 64-bit integers, the plainest statement of it: ``inputs`` (features, N) to (outputs, N)."""
    x = inputs.astype(np.int64)
    activations: list[np.ndarray] = []
    for layer in model.layers[:-1]:
        x = integer_product(layer, x)
        if layer.skip is not None:
            x = x + activations[layer.skip]
        x = np.clip(x, 0, ACTIVATION_MAX)
        activations.append(x)
    return integer_product(model.layers[-1], x)


def integer_product(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Output (rows, N) of a layer for ``x`` (columns, N), without skip and limits."""
    return (layer.weight.astype(np.int64) @ x + layer.bias[:, None]) >> layer.shift[:, None].astype(np.int64)


def _test_network(model: ExactModel, weights: str, shown: np.ndarray, random: np.random.Generator) -> ExactModel:
    """A network of the model's shape and limits, with weights that provoke inexact arithmetic.

    For the inputs ``shown`` (features,) activations are large, but below their limit, so that a wrong sum shows.
    """
    layers: list[Layer] = []
    x: np.ndarray = shown.astype(np.int64)
    activations: list[np.ndarray] = []
    for index, layer in enumerate(model.layers):
        final = index == len(model.layers) - 1
        before = 0 if layer.skip is None else activations[layer.skip]
        made = _test_layer(layer, weights, x, before, random, first=index == 0, final=final)
        layers.append(made)
        x = np.clip(integer_product(made, x[:, None])[:, 0] + before, 0, ACTIVATION_MAX)
        activations.append(x)
    return dataclasses.replace(model, layers=tuple(layers))


def _test_layer(
    layer: Layer, weights: str, x: np.ndarray, before: Any, random: np.random.Generator, *, first: bool, final: bool
) -> Layer:
    """Make a layer of the test network; ``x`` is its input for the shown pixel, ``before`` the addend of its skip."""
    rows, columns = layer.weight.shape
    limit = int(np.abs(layer.weight).max()) or 1
    if weights == "random":
        weight = random.integers(-limit, limit + 1, (rows, columns))
    else:
        weight = np.full((rows, columns), limit)
        if weights == "alternating":
            weight[:, 1::2] = -limit
    largest = INPUT_CLIP if first else ACTIVATION_MAX
    room = SUM_LIMIT - 1 - largest * np.abs(weight.astype(np.int64)).sum(axis=1)
    if (room < 0).any():  # such weights could not be loaded: leave the layer as it is
        return layer
    # Odd rows add the largest bias, even rows subtract half of the sum, so that activations vary.
    bias = np.where(np.arange(rows) % 2, np.minimum(room, 1 << 20), -np.minimum(room, 1 << 20))
    top = largest * limit * columns
    shift = np.full(rows, max(0, int(top).bit_length() - 8))
    shift[::3] = 0
    if final:
        shift[:] = 0
    else:
        wanted = random.integers(ACTIVATION_MAX - 15, ACTIVATION_MAX, rows) - before - weight @ x
        shows = np.abs(wanted) <= room
        bias, shift = np.where(shows, wanted, bias), np.where(shows, 0, shift)
    return Layer(weight.astype(np.int32), bias.astype(np.int32), shift.astype(np.int32), layer.skip)
