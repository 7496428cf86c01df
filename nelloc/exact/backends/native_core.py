"""The compiled core as a backend: here its network alone, for the known-answer test and for walks in Python."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nelloc.exact import native
from nelloc.exact.model import ExactModel


class NativeEvaluator:
    """The network of ``model`` on one CPU level."""

    def __init__(self, model: ExactModel, level: str):
        self._model, self._level = model, level

    def __call__(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Outputs (outputs, N) for ``inputs`` (features, N), and the last layer's input; integers in float32."""
        outputs, hidden = native.evaluate(self._model, self._level, inputs.T)
        return np.ascontiguousarray(outputs.T, np.float32), np.ascontiguousarray(hidden.T, np.float32)


class NativeBackend:
    """The compiled core on the fastest CPU level that is allowed."""

    def __init__(self, name: str):
        self.name = name

    def available(self) -> str | None:
        """Reason why the backend cannot run here, as a sentence, or None if it can."""
        return native.missing()

    def prepare(self, model: ExactModel) -> NativeEvaluator:
        """Make an evaluator of ``model`` on the fastest CPU level."""
        return NativeEvaluator(model, native.levels()[0])
