"""The default backend: integers carried in NumPy's float32 (or, as a reference, float64) matrix products.

Rows are scaled by their power of two beforehand, so that a product directly gives the shifted
sum, and a constant input row carries the bias. All of it is exact: every partial sum is an
integer below 2**24 times that power of two, whatever order the BLAS adds in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.backends.interface import Evaluator
from nelloc.exact.model import ACTIVATION_MAX, ExactModel


class NumpyBackend:
    """Float-carried integers in NumPy; ``dtype`` float32 is the default backend, float64 the reference."""

    def __init__(self, name: str, dtype: type[np.floating]):
        self.name = name
        self._dtype = dtype

    def available(self) -> str | None:
        """Reason why the backend cannot run here, as a sentence, or None if it can."""
        return None

    def prepare(self, model: ExactModel) -> Evaluator:
        """Make an evaluator of ``model``, without a test of its results."""
        return _NumpyEvaluator(model, self._dtype)


class _NumpyEvaluator:
    def __init__(self, model: ExactModel, dtype: type[np.floating]):
        self._dtype = dtype
        self._skips = [layer.skip for layer in model.layers]
        self._matrices = []
        for layer in model.layers:
            matrix = np.column_stack([layer.weight, layer.bias]) * 2.0 ** -layer.shift[:, None].astype(np.float64)
            self._matrices.append(matrix.astype(dtype))
        self._width = 0
        self._buffers: list[NDArray] = []

    def __call__(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        n = inputs.shape[1]
        if n > self._width:
            self._allocate(n)
        # Buffers are cut from flat storage so that they are contiguous for every n.
        rows = [len(matrix) for matrix in self._matrices]
        x = self._buffers[0][: (len(inputs) + 1) * n].reshape(-1, n)
        x[:-1] = inputs
        x[-1] = 1
        activations: list[NDArray] = []
        final = len(rows) - 1
        for index, matrix in enumerate(self._matrices):
            y = self._buffers[index + 1][: (rows[index] + 1) * n].reshape(-1, n)
            np.matmul(matrix, x, out=y[:-1])
            np.floor(y[:-1], out=y[:-1])
            if index == final:
                return y[:-1].astype(np.float32, copy=False), x[:-1].astype(np.float32, copy=False)
            skip = self._skips[index]
            if skip is not None:
                y[:-1] += activations[skip][:-1]
            np.clip(y[:-1], 0, ACTIVATION_MAX, out=y[:-1])
            y[-1] = 1
            activations.append(y)
            x = y
        raise AssertionError("a network has at least one layer")

    def _allocate(self, n: int) -> None:
        self._width = n
        sizes = [self._matrices[0].shape[1], *(len(matrix) + 1 for matrix in self._matrices)]
        self._buffers = [np.empty(size * n, self._dtype) for size in sizes]
