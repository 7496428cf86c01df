"""Pictures and pixels for the tests of learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from materials import small_model_bytes

from nelloc.exact.context import standard_activity
from nelloc.exact.learning import Lesson
from nelloc.exact.mixture import Mixture, run
from nelloc.exact.model import ExactModel, load_model, output_bits

COMPONENTS = 4


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    rows, columns, channel = np.ogrid[:height, :width, :channels]
    smooth = 120 + 50 * np.sin(rows / 9 + columns / 7 + channel)
    noisy = smooth + np.random.default_rng(seed).normal(size=smooth.shape) * 3
    return np.ascontiguousarray(noisy.astype(np.uint8).transpose(2, 0, 1))


@dataclass(frozen=True)
class RandomPixels:
    """Random pixels and outputs of a network, and the gradients (outputs, N) of the pixels' log-likelihood in nats."""

    model: ExactModel
    outputs: np.ndarray
    values: np.ndarray
    base: np.ndarray
    level: np.ndarray
    activity: np.ndarray
    gradient: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Mask of the pixels whose deviations are not cut, which they are at four activities."""
        return np.abs(self.values - self.base / 4).max(axis=0) < 3.9 * self.activity

    @property
    def blocks(self) -> list[np.ndarray]:
        """Numbers of the outputs: logits, means, log-scales, and coefficients if there are any."""
        k, channels = COMPONENTS, self.model.channels
        parts = np.split(np.arange(len(self.outputs)), [k, (1 + channels) * k, (1 + 2 * channels) * k])
        return [block for block in parts if len(block)]

    def lesson(self, lesson: Lesson, outputs: np.ndarray) -> Lesson:
        """What the mixture writes down in a lesson when the pixels are coded with these outputs."""
        coding = Mixture(self.model).code(outputs, self.base, self.level, len(self.values), lesson)
        known = (value.astype(np.int64) // stride % 4 for value in self.values for stride in (64, 16, 4, 1))
        np.testing.assert_array_equal(run(coding, lambda frequencies: next(known)), self.values)
        return lesson


def random_pixels(channels: int, spread_of_scales: float, n: int = 300) -> RandomPixels:
    torch = pytest.importorskip("torch")
    from nelloc.training.networks.mixture import log_likelihood

    k = COMPONENTS
    model = load_model(small_model_bytes(components=k, channels=channels))
    random = np.random.default_rng(3)
    bits = np.array(output_bits(k, channels))
    counts = [k, channels * k, channels * k, len(bits) - (1 + 2 * channels) * k]
    real = random.normal(size=(n, len(bits))) * np.repeat([1.0, 0.7, spread_of_scales, 0.3], counts)
    outputs = np.floor(real.T * 2.0 ** bits[:, None] + 0.5).astype(np.float32)
    level = random.integers(12, 40, n).astype(np.int16)
    activity = np.array(standard_activity(len(model.context.thresholds)))[level]
    base = random.integers(4 * 60, 4 * 190, (channels, n)).astype(np.float32)
    values = np.clip(np.floor(base / 4 + random.logistic(size=(channels, n)) * activity * 0.8), 0, 255)
    exact = torch.tensor(outputs.T / 2.0**bits, dtype=torch.float64, requires_grad=True)
    arguments = (torch.tensor(array) for array in (values.T.copy(), base.T / 4, activity))
    log_likelihood(exact, *arguments).sum().backward()
    return RandomPixels(model, outputs, values, base, level, activity, exact.grad.numpy().T.copy())
