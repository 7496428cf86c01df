"""Compressing with models adapted to the images; they are kept only where files and models get smaller together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from nelloc import image as images
from nelloc.codec import Encoded, Options, encode_pixels, has_colour, model_for, verify_encoded
from nelloc.effort import photograph_tile
from nelloc.errors import NellocError
from nelloc.exact.differences import Adapted
from nelloc.exact.learning import can_learn
from nelloc.exact.model import ExactModel

# A minute of adaptation is so many pixels trained on, so that the result does not depend on the machine's speed. One
# core of an AMD EPYC (Zen 4) does about five million.
PIXELS_PER_MINUTE = 6_000_000
# Images are coded together up to so many pixels.
PART_PIXELS = 1 << 20
# The least share of the bytes that an adapted model must save, itself counted: files that need a model beside them to
# be decoded are a bad trade for a few bytes.
LEAST_GAIN = 0.001


@dataclass(frozen=True)
class Adaptation:
    """What adaptation came to: ``models`` used (none if they save too little), and sizes in bytes of all files.

    ``shipped_bytes`` are those of the files made with the models as they were, ``adapted_bytes`` those of the files
    as they are now, with their models, or as they would be if none was used. ``pixels`` were trained on.
    """

    models: tuple[Adapted, ...]
    shipped_bytes: int
    adapted_bytes: int
    pixels: int

    @property
    def gain(self) -> float:
        """The share of ``shipped_bytes`` that the adapted models save, or would have saved; negative if they cost."""
        return 1 - self.adapted_bytes / self.shipped_bytes


def default_minutes(pixels: int) -> float:
    """How long to adapt to so many pixels: a minute for a megapixel, and twice as long for four times as many."""
    return min(30.0, max(0.25, (pixels / 2**20) ** 0.5))


def encode_adapted(
    pixels: Sequence[images.Pixels],
    options: Options,
    *,
    verify: bool,
    embed: bool,
) -> tuple[list[Encoded], Adaptation]:
    """Code images with a model adapted to all of them, and its gray sibling if that is used.

    ``pixels`` may make each image when it is asked for; each is asked for several times, and few are kept at a time.

    With ``embed``, each file holds its model; without, files name it by id, and its differences are to be kept beside
    them. Where a model and the files that need it are not smaller than the files without it by LEAST_GAIN, the model
    as it was is used. Raises NellocError without torch.
    """
    try:
        from nelloc.adapt.finetune import Plan, adapt
    except ImportError as error:
        raise NellocError("adapting needs torch, which is not installed; install nelloc[train]") from error
    groups: dict[bytes, tuple[ExactModel, list[int]]] = {}
    plain: list[int] = []
    areas: list[int] = []
    used: list[ExactModel] = []
    for number, image in enumerate(pixels):
        areas.append(image.area)
        if image.photographic:
            model = model_for(image, options)
            groups.setdefault(model.id, (model, []))[1].append(number)
        else:  # indices, bits and deep samples are not what a model is adapted to
            plain.append(number)
            used += [model_for(image, options)] if has_colour(image) else []

    def coded(members: Sequence[int], **keywords: Any) -> list[Encoded]:
        parts = (encode_pixels([pixels[k] for k in part], options, verify=False, **keywords) for part in cut(members))
        return [file for part in parts for file in part]

    def cut(members: Sequence[int]) -> Iterator[list[int]]:
        return _parts(members, areas)

    area = sum(areas) - sum(areas[number] for number in plain)
    minutes = options.adapt_minutes or default_minutes(area)
    encoded = dict(zip(plain, coded(plain), strict=True))
    shipped_bytes = adapted_bytes = kept_bytes = sum(len(file.data) for file in encoded.values())
    models, visits = [], 0
    for base, members in groups.values():
        share = sum(areas[number] for number in members) / area
        plan = Plan(max(1, round(minutes * share * PIXELS_PER_MINUTE)))
        options.progress.expect(plan.steps * plan.batch)
        adapted = adapt(
            _Planes(pixels, members),
            base,
            options.tile or photograph_tile(options.learn and can_learn(base)),
            plan,
            # One is left for making batches; more than a few do not help with products of this size.
            threads=min(8, max(1, options.workers - 1)),
            advance=options.progress.advance,
        )
        visits += plan.steps * plan.batch
        before = coded(members)
        after = coded(members, adapted={base.id: adapted}, embed=embed)
        size_before = sum(len(file.data) for file in before)
        size_after = sum(len(file.data) for file in after) + (0 if embed else len(adapted.differences))
        shipped_bytes, adapted_bytes = shipped_bytes + size_before, adapted_bytes + size_after
        worth_it = size_after <= (1 - LEAST_GAIN) * size_before
        kept_bytes += size_after if worth_it else size_before
        if worth_it:
            models.append(adapted)
        encoded.update(zip(members, after if worth_it else before, strict=True))
    done = [encoded[number] for number in range(len(pixels))]
    if verify:
        used += [*(model.model for model in models), *(model for model, _ in groups.values())]
        by_id = {model.id: model for model in used}
        for part in cut(range(len(pixels))):
            verify_encoded([done[k] for k in part], [pixels[k] for k in part], options, by_id)
    return done, Adaptation(tuple(models), shipped_bytes, kept_bytes if models else adapted_bytes, visits)


class _Planes(Sequence[NDArray]):
    """The planes of some of the images, each asked for when it is needed."""

    def __init__(self, pixels: Sequence[images.Pixels], members: Sequence[int]):
        self._pixels, self._members = pixels, members

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, number):
        return self._pixels[self._members[number]].planes


def _parts(members: Sequence[int], areas: Sequence[int]) -> Iterator[list[int]]:
    """Images in the parts that are coded together."""
    part: list[int] = []
    size = 0
    for number in members:
        if part and size + areas[number] > PART_PIXELS:
            yield part
            part, size = [], 0
        part.append(number)
        size += areas[number]
    if part:
        yield part
