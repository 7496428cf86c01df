"""Backends: interchangeable ways to evaluate the integer network, admitted by a known-answer test."""

from __future__ import annotations

import dataclasses

import numpy as np

from nelloc.errors import NellocError
from nelloc.exact.backends.interface import Backend, Evaluator
from nelloc.exact.backends.numpy_float import NumpyBackend
from nelloc.exact.backends.torch_products import TorchFloatBackend, TorchInt8Backend
from nelloc.exact.context import INPUT_CLIP
from nelloc.exact.model import ACTIVATION_MAX, SUM_LIMIT, ExactModel, Layer

__all__ = ["BACKENDS", "DEFAULT_BACKEND", "Backend", "Evaluator", "prepare"]

DEFAULT_BACKEND = "numpy"
BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        NumpyBackend("numpy", np.float32),
        NumpyBackend("reference", np.float64),
        TorchFloatBackend("torch-float32", "cpu"),
        TorchInt8Backend(),
        TorchFloatBackend("torch-cuda", "cuda"),
    )
}
# Numbers of pixels that the known-answer test tries: one, odd, and wide enough for blocked kernels.
_TEST_WIDTHS = (1, 33, 512)


def prepare(model: ExactModel, name: str = DEFAULT_BACKEND) -> Evaluator:
    """An evaluator of ``model`` on backend ``name``, after the known-answer test.

    Raises NellocError if there is no such backend, it cannot run here, or it fails the test.
    """
    backend = BACKENDS.get(name)
    if backend is None:
        raise NellocError(f"backend {name}: unknown; choose one of {', '.join(BACKENDS)}")
    reason = backend.available()
    if reason is not None:
        raise NellocError(f"backend {name}: {reason}; use --backend {DEFAULT_BACKEND}")
    try:
        failure = None if _admitted(backend, model) else "gives wrong integers on this machine"
        evaluator = backend.prepare(model)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        failure = f"cannot evaluate this model here ({error})"
    if failure is not None:
        raise NellocError(f"backend {name}: {failure}; use --backend {DEFAULT_BACKEND}")
    return evaluator


def _admitted(backend: Backend, model: ExactModel) -> bool:
    """Whether ``backend`` may evaluate ``model``; tested once in a process."""
    if isinstance(backend, NumpyBackend):
        return True  # exact by the bounds that loading the model proved
    key = (backend.name, model.sha256)
    if key not in _answers:
        _answers[key] = known_answers(backend, model)
    return _answers[key]


_answers: dict[tuple[str, bytes], bool] = {}


def known_answers(backend: Backend, model: ExactModel) -> bool:
    """True if ``backend`` gives the right integers for networks of the model's shape.

    One network has all weights at each layer's largest, with one sign and the largest inputs (where narrow
    accumulators saturate), one alternating signs, one random weights; each is compared with 64-bit integers.
    """
    random = np.random.default_rng(20210902)
    for weights in ("largest", "alternating", "random"):
        network = _test_network(model, weights, random)
        evaluator = backend.prepare(network)
        for n in _TEST_WIDTHS:
            inputs = random.integers(-INPUT_CLIP, INPUT_CLIP + 1, (network.layers[0].weight.shape[1], n))
            inputs[:, : n // 2 + 1] = INPUT_CLIP
            if not np.array_equal(evaluator(inputs.astype(np.float32)), integer_outputs(network, inputs)):
                return False
    return True


def integer_outputs(model: ExactModel, inputs: np.ndarray) -> np.ndarray:
    """The network in 64-bit integers, the plainest statement of it: ``inputs`` (features, N) to (outputs, N)."""
    x = inputs.astype(np.int64)
    activations: list[np.ndarray] = []
    for layer in model.layers[:-1]:
        x = _integer_product(layer, x)
        if layer.skip is not None:
            x = x + activations[layer.skip]
        x = np.clip(x, 0, ACTIVATION_MAX)
        activations.append(x)
    return _integer_product(model.layers[-1], x)


def _integer_product(layer: Layer, x: np.ndarray) -> np.ndarray:
    return (layer.weight.astype(np.int64) @ x + layer.bias[:, None]) >> layer.shift[:, None].astype(np.int64)


def _test_network(model: ExactModel, weights: str, random: np.random.Generator) -> ExactModel:
    """A network of the model's shape and limits, with weights that provoke inexact arithmetic."""
    layers = []
    for index, layer in enumerate(model.layers):
        rows, columns = layer.weight.shape
        limit = int(np.abs(layer.weight).max()) or 1
        if weights == "random":
            weight = random.integers(-limit, limit + 1, (rows, columns))
        else:
            weight = np.full((rows, columns), limit)
            if weights == "alternating":
                weight[:, 1::2] = -limit
        largest = INPUT_CLIP if index == 0 else ACTIVATION_MAX
        room = SUM_LIMIT - 1 - largest * np.abs(weight.astype(np.int64)).sum(axis=1)
        # Odd rows add the largest bias, even rows subtract half of the sum, so that activations vary.
        bias = np.where(np.arange(rows) % 2, np.minimum(room, 1 << 20), -np.minimum(room, 1 << 20))
        top = largest * limit * columns
        shift = np.full(rows, max(0, int(top).bit_length() - 8))
        shift[::3] = 0
        if (room < 0).any():  # such weights could not be loaded: leave the layer as it is
            layers.append(layer)
        else:
            values = (weight.astype(np.int32), bias.astype(np.int32), shift.astype(np.int32))
            layers.append(Layer(*values, skip=layer.skip))
    return dataclasses.replace(model, layers=tuple(layers))
