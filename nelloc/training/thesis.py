"""Networks and training of the thesis (appendix D.1.3), for comparison with this program's own.

The local networks of the codec, ``thesis-r0`` and so on, are in ``networks.local``; here are those of Tables 5.1 to
5.5, and the optimiser of all: Adam at a constant rate, in batches of 100 images.
"""

from __future__ import annotations

from dataclasses import replace

from nelloc.training.loop import TrainingConfig
from nelloc.training.networks.full import FullConfig
from nelloc.training.networks.local import LocalConfig

LEARNING_RATE = 3e-4
BATCH = 100  # images
NO_CLIPPING = 1e9

# Section D.1.3.1: full and local network for gray and for colour. First kernels are 2 horizon + 1 wide.
PAIRS = {
    "fashion": {
        "full": FullConfig(width=256, blocks=5, channels=1, horizon=3),
        "local": FullConfig(width=256, blocks=1, channels=1, horizon=3, kernel=1),
    },
    "cifar10": {
        "full": FullConfig(width=256, blocks=10, horizon=4),
        "local": FullConfig(width=256, blocks=10, horizon=3, kernel=1),
    },
}
# Number of passes over the images.
PASSES = {"fashion": 100, "cifar10": 1000}
# Tables 5.3 and 5.4: local networks of one block.
HORIZONS = {"fashion": range(1, 6), "cifar10": range(2, 6)}


def networks(images: str) -> list[tuple[str, FullConfig]]:
    """Networks trained on ``images`` in Tables 5.1 to 5.4: full or local, and the shape; each once."""
    pair = PAIRS[images]
    one_block = [replace(pair["local"], blocks=1, horizon=horizon) for horizon in HORIZONS[images]]
    local = [pair["local"], *(shape for shape in one_block if shape != pair["local"])]
    return [("full", pair["full"]), *(("local", shape) for shape in local)]


def adam(network: LocalConfig | FullConfig, batch: int, pixels: int, seed: int) -> TrainingConfig:
    """Make the thesis's settings for ``pixels`` pixels in batches of ``batch`` pixels.

    The rate is constant and nothing is averaged, decayed or clipped, as the thesis names nothing of that, and Adam's
    other settings are its usual ones.
    """
    return TrainingConfig(
        network=network,
        pixels=pixels,
        batch=batch,
        learning_rate=LEARNING_RATE,
        matrix_rate=0,
        warm_up=0,
        decay=0,
        weight_decay=0,
        second_moment=0.999,
        average=0,
        clip_gradient=NO_CLIPPING,
        seed=seed,
        bfloat16=False,
    )
