"""Interface of backends: ways to evaluate the integer network, all with the same integers as result."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.model import ExactModel


class Evaluator(Protocol):
    """One model on one backend."""

    def __call__(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Outputs (outputs, N) of the network for ``inputs`` (features, N), and the last layer's input (width, N).

        Both are integers carried in float32, and may be overwritten by the next call.
        """
        ...


class Backend(Protocol):
    """A way to evaluate networks."""

    name: str

    def available(self) -> str | None:
        """Reason why the backend cannot run here, as a sentence, or None if it can."""
        ...

    def prepare(self, model: ExactModel) -> Evaluator:
        """Make an evaluator of ``model``, without a test of its results."""
        ...
