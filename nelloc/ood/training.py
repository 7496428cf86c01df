"""Training of a pair on folders of images: settings of a run, and its two trainings in sequence.

A run's folder has ``pair.json`` (the settings), a training run of each model below ``local`` and ``full``, and at the
end the pair.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nelloc import disk, storage
from nelloc.errors import NellocError
from nelloc.ood.images import fit, open_image
from nelloc.ood.pair import PAIR, SETTINGS, Pair, write
from nelloc.training.folder import scan
from nelloc.training.images import ImageBatch, ImageSampler
from nelloc.training.loop import CHECKPOINT, Listener, Trainer, TrainingConfig
from nelloc.training.networks.full import FullConfig, FullNetwork
from nelloc.training.processes import Processes
from nelloc.training.run import finish

IMAGES_PER_BATCH = 16
LOCAL_BLOCKS = 1
# Horizon of local models: the best of 1, 2 and 3 at separating held-out clothes from MNIST's training images.
LOCAL_HORIZON = 2
# Largest number of held-out images for validation.
MOST_HELD_OUT = 512
_REMEDY = "a new run with --size"


@dataclass(frozen=True)
class PairConfig:
    """Settings of a run: its ``folders``, the images' size and channels, the full model and how both are trained.

    ``pixels`` (for each model), ``batch``, rates and ``seed`` are as in TrainingConfig; a ``batch`` of 0 is
    IMAGES_PER_BATCH images. ``resized`` allows images of other sizes and modes and converts them, ``flip`` is the
    probability of mirroring left to right. The local model has ``local_horizon``, or the full one's if that is less.
    """

    folders: tuple[str, ...]
    height: int
    width: int
    full: FullConfig
    resized: bool = False
    pixels: int = 100_000_000
    batch: int = 0
    learning_rate: float = 2e-3
    seed: int = 1
    flip: float = 0.0
    local_horizon: int = LOCAL_HORIZON

    @property
    def local(self) -> FullConfig:
        """Shape of the local model: as wide as the full one, with kernels of 1 after its first layer."""
        horizon = min(self.local_horizon, self.full.horizon)
        return replace(self.full, horizon=horizon, kernel=1, blocks=LOCAL_BLOCKS)

    def training(self, part: str) -> TrainingConfig:
        """Training configuration of one model: the same images in the same order as the other."""
        image = self.height * self.width
        batch = max(1, self.batch // image) * image if self.batch else IMAGES_PER_BATCH * image
        defaults = TrainingConfig()
        return TrainingConfig(
            network=self.full if part == "full" else self.local,
            pixels=self.pixels,
            batch=batch,
            learning_rate=self.learning_rate,
            matrix_rate=defaults.matrix_rate * self.learning_rate / defaults.learning_rate,
            warm_up=self.pixels // 50,
            seed=self.seed,
        )


def image_shape(folders: tuple[str, ...]) -> tuple[int, int, int]:
    """Shape (height, width, channels) of the first image of the first folder that can be used."""
    problem = None
    for path in scan(Path(folders[0])).training:
        try:
            planes = open_image(path).planes
        except NellocError as error:
            problem = problem or error
            continue
        channels, height, width = planes.shape
        return height, width, channels
    raise NellocError(f"{folders[0]}: none of its images can be read; the first: {problem}")


def save_settings(config: PairConfig, folder: Path, *, resume: bool = False) -> None:
    """Start a run in ``folder``, or save new settings of one that goes on.

    Raises NellocError if there is a run and ``resume`` is not set.
    """
    if not resume and (disk.exists(folder / SETTINGS) or disk.exists(folder / CHECKPOINT)):
        raise NellocError(f"{folder}: has a training run already; use --resume to go on, or give another --out")
    disk.check_output_folder(folder)
    storage.make_folder(folder)
    storage.write(folder / SETTINGS, (json.dumps(asdict(config), indent=1) + "\n").encode(), force=True)


def load_settings(folder: Path) -> PairConfig:
    """Load the settings of the run in ``folder``. Raises NellocError if there is none."""
    path = folder / SETTINGS
    try:
        found = json.loads(path.read_bytes())
        return PairConfig(
            **found | {"folders": tuple(found["folders"]), "full": FullConfig(**found["full"])},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NellocError(f"{path}: no run of a pair to resume there ({error}); leave out --resume") from error


def load_images(
    config: PairConfig, messages: Callable[[str], None] = lambda _: None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Load images to train on and held-out ones, (N, C, H, W) uint8.

    Parameters
    ----------
    config : PairConfig
        Settings of the run.
    messages : callable
        Is called with a message for each image that is unreadable or has more than 8 bits per sample; it is left out.

    Returns
    -------
    training, held_out : ndarray
        uint8 (N, C, H, W).

    Raises
    ------
    NellocError
        If there are no images of either kind, or one has another size or mode and ``config.resized`` is not set.
    """
    shape = (config.height, config.width, config.full.channels)
    parts: tuple[list, list] = ([], [])
    for folder in map(Path, config.folders):
        found = scan(folder)
        for paths, images in zip((found.training, found.held_out), parts, strict=True):
            for path in paths:
                try:
                    pixels = open_image(path)
                except NellocError as error:
                    messages(f"{error}; it is left out")
                    continue
                images.append(fit(pixels, path, *shape, resize=config.resized, remedy=_REMEDY))
    training, held_out = parts
    if not training or not held_out:
        raise NellocError(f"{config.folders[0]}: too few images can be read to train and to hold some out; give more")
    return np.stack(training), np.stack(held_out[:MOST_HELD_OUT])


def trainer_of(
    config: PairConfig,
    part: str,
    folder: Path,
    *,
    learning_rate: float | None = None,
    processes: Processes | None = None,
) -> Trainer:
    """Trainer of one of the two models in a run's ``folder``, in its saved state, with ``config.pixels`` to go to."""
    if disk.exists(folder / part / CHECKPOINT):
        return Trainer.resume(folder / part, pixels=config.pixels, learning_rate=learning_rate, processes=processes)
    return Trainer(config.training(part), processes=processes)


def train_part(
    trainer: Trainer,
    images: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    config: PairConfig,
    part: str,
    folder: Path,
    *,
    every: int,
    workers: int = 1,
    listener: Listener | None = None,
) -> None:
    """Train one of the two models to its end on ``load_images``'s images. Raises NellocError as ``finish`` does."""
    training, held_out = images
    source = ImageSampler(training, trainer.data_seed, flip=config.flip)
    validation = {"held-out": ImageBatch.of(held_out)}
    again = f"nelloc train --ood --resume --out {folder}"
    finish(trainer, source, validation, folder / part, every=every, workers=workers, listener=listener, again=again)


def write_pair(config: PairConfig, trainers: dict[str, Trainer], folder: Path) -> Path:
    """Write the pair of two finished trainings; return its path."""
    networks = {part: trainer.parent() for part, trainer in trainers.items()}
    local, full = networks["local"], networks["full"]
    assert isinstance(local, FullNetwork)
    assert isinstance(full, FullNetwork)
    about = {
        "trained_on": list(config.folders),
        "megapixels": {part: trainer.seen / 1e6 for part, trainer in trainers.items()},
        "held_out_bpd": {part: trainer.history[-1].get("held-out_bpd") for part, trainer in trainers.items()},
    }
    write(folder / PAIR, Pair(local, full, config.height, config.width, about))
    return folder / PAIR
