"""What a backend is: one way to evaluate the integer network, with the same integers as every other."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc.exact.model import ExactModel


class Evaluator(Protocol):
    """One model on one backend."""

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs (outputs, N) of the network for ``inputs`` (features, N); integers carried in float32.

        The result may be overwritten by the next call.
        """
        ...

    @property
    def hidden(self) -> NDArray[np.float32]:
        """What the last layer saw in the last call: activations (width, N). Overwritten as the outputs are."""
        ...


class Backend(Protocol):
    """A way to evaluate networks. ``available`` says in a sentence why it cannot run here, or None."""

    name: str

    def available(self) -> str | None: ...

    def prepare(self, model: ExactModel) -> Evaluator: ...
