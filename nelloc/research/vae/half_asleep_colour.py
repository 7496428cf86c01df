"""Figure 4.5: reverse half-asleep on CIFAR-10."""

from __future__ import annotations

from nelloc.research.experiment import Result, Settings
from nelloc.research.vae import half_asleep


def run(settings: Settings) -> Result:
    """Encoders with and without the model's own images, for three VAEs."""
    return half_asleep.run(settings, "colour")
