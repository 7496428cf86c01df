"""Rounds of adaptation, each as long as all before it, which go on while they pay.

After each round a sample of the images is coded with the model as it is then, learning while it codes. What counts are
bytes, so that the same images take the same rounds on every run of a machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from nelloc.codec.effort import DEFAULT_EFFORT
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.codec.progress import Progress
from nelloc.codec.tiling import tiles
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import Adapted
from nelloc.image import Pixels, from_array

if TYPE_CHECKING:  # which needs torch
    from nelloc.training.adapt.finetune import Tuning

# Pixels of the sample, at most, but for its last tile.
SAMPLE_PIXELS = 1 << 20
# Shares of the longest time that the rounds take.
ROUNDS = (1 / 8, 1 / 8, 1 / 4, 1 / 2)
# Share of the bytes that a round must have saved for another one.
PAYS = 0.001
# The first round pays for most of the model, which later ones make little larger, while they multiply what the pixels
# save by two to four, if they save much. So it goes on if this many times as much would pay.
GROWTH = 3.0


@dataclass(frozen=True)
class Sample:
    """Tiles of the images as files of their own, by which a model is judged; ``size`` in bytes with the base model."""

    views: list[Pixels]
    options: EncodeOptions
    base: bytes
    size: int

    @classmethod
    def of(cls, images: Sequence[NDArray], base: ExactModel, tile: int, options: EncodeOptions) -> Sample:
        """Draw tiles of images (planes, H, W) evenly; those of few images are all of them."""
        quiet = replace(options, effort=min(options.effort, DEFAULT_EFFORT), embed=False, progress=Progress())
        places = [
            (number, place)
            for number, image in enumerate(images)
            for place in tiles(image.shape[1], image.shape[2], tile)
        ]
        area = sum(place.height * place.width for _, place in places)
        every = max(1, area // SAMPLE_PIXELS)
        views = []
        for number, place in places[every // 2 :: every]:
            view = images[number][:, place.rows, place.columns]
            views.append(from_array(view[0] if len(view) == 1 else view.transpose(1, 2, 0)))
        empty = cls(views, quiet, base.id, 0)
        return replace(empty, size=empty._coded(None))

    def share(self, adapted: Adapted) -> float:
        """Size with an adapted model, itself not counted, over that with the base."""
        return self._coded(adapted) / self.size

    def _coded(self, adapted: Adapted | None) -> int:
        models = {} if adapted is None else {self.base: adapted}
        return sum(len(f.data) for f in encode_pixels(self.views, self.options, verify=False, adapted=models))


@dataclass(frozen=True)
class Trained:
    """Adapted model, the pixels that it was trained on, and the bytes estimated for it and all files, or 0."""

    adapted: Adapted
    pixels: int
    size: int = 0


def in_rounds(tuning: Tuning, sample: Sample, size: int, longest: int) -> Trained:
    """Train a model while it pays.

    Parameters
    ----------
    tuning : Tuning
        The model to train.
    sample : Sample
        Tiles by which it is judged.
    size : int
        Bytes of all files with the base model.
    longest : int
        Pixels of all rounds together, at most.

    Returns
    -------
    Trained
        The best model of all rounds; its ``pixels`` are those of all.
    """
    best: Trained | None = None
    seen, before = 0, 0
    for share in ROUNDS:
        seen += tuning.train(max(1, round(share * longest)))
        adapted = tuning.adapted()
        saved = round((1 - sample.share(adapted)) * size)
        after = size - saved + len(adapted.stored)
        gained = GROWTH * saved - len(adapted.stored) if best is None else before - after
        if best is None or after < best.size:
            best = Trained(adapted, seen, after)
        if gained < PAYS * size:
            break
        before = after
    assert best is not None
    return replace(best, pixels=seen)
