"""Generalisation gaps of thesis eq. 4.7 to 4.17: why a test image costs more than a training image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gaps:
    """Three mean negative ELBOs: of training images, of test images, and of test images with optimal inference.

    They are kept as multiples of 2**-40, so that differences of them are exact and the decomposition is an equality.
    """

    train: float
    test: float
    test_optimal: float

    @classmethod
    def of(cls, train: float, test: float, test_optimal: float) -> Gaps:
        """Make gaps from three rates, rounded as above."""
        return cls(*(round(value * 2**40) / 2**40 for value in (train, test, test_optimal)))

    @property
    def whole(self) -> float:
        """EGG, the ELBO's generalisation gap: loss of the ELBO from training to test images (eq. 4.7)."""
        return self.test - self.train

    @property
    def generative(self) -> float:
        """GMGG, the generative model's part: loss that remains with optimal inference on test images (eq. 4.16)."""
        return self.test_optimal - self.train

    @property
    def inference(self) -> float:
        """AIGG, amortised inference's part: gain by optimal inference on test images (eq. 4.14)."""
        return self.test - self.test_optimal
