"""Compressing with models adapted to the images; they are kept only if files and models get smaller together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nelloc import image as images
from nelloc.codec import Encoded, Options, encode_pixels, has_colour, model_for, verify_encoded
from nelloc.errors import NellocError
from nelloc.exact.differences import Adapted
from nelloc.exact.model import ExactModel

# A minute of adaptation is so many pixels trained on, so that the result does not depend on the machine's speed. One
# core of an AMD EPYC (Zen 4) does about five million.
PIXELS_PER_MINUTE = 6_000_000


@dataclass(frozen=True)
class Adaptation:
    """What adaptation came to: ``models`` used (none if nothing was gained), and sizes in bytes of all files.

    ``shipped_bytes`` are those of the files made with the models as they were, ``adapted_bytes`` those of the files
    as they are now, with their models, or as they would be if none was used. ``pixels`` were trained on.
    """

    models: tuple[Adapted, ...]
    shipped_bytes: int
    adapted_bytes: int
    pixels: int

    @property
    def gain(self) -> float:
        """The share of ``shipped_bytes`` that the adapted models save; negative if they cost."""
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

    With ``embed``, each file holds its model; without, files name it by id, and its differences are to be kept beside
    them. Where a model and the files that need it are not smaller than the files without it, the model as it was is
    used. Raises NellocError without torch.
    """
    try:
        from nelloc.adapt.finetune import Plan, adapt
    except ImportError as error:
        raise NellocError("adapting needs torch, which is not installed; install nelloc[train]") from error
    groups: dict[bytes, tuple[ExactModel, list[int]]] = {}
    plain = [number for number, image in enumerate(pixels) if not image.photographic]
    for number, image in enumerate(pixels):
        if image.photographic:
            model = model_for(image, options)
            groups.setdefault(model.id, (model, []))[1].append(number)
    area = sum(image.area for image in pixels if image.photographic)
    minutes = options.adapt_minutes or default_minutes(area)
    encoded: list[Encoded | None] = [None] * len(pixels)
    # Indices, bits and deep samples are not what a model is adapted to.
    for number, file in zip(plain, encode_pixels([pixels[k] for k in plain], options, verify=False), strict=True):
        encoded[number] = file
    shipped_bytes = adapted_bytes = smaller_bytes = sum(len(file.data) for file in encoded if file is not None)
    models, visits = [], 0
    for base, members in groups.values():
        own = [pixels[number] for number in members]
        share = sum(image.area for image in own) / area
        plan = Plan(max(1, round(minutes * share * PIXELS_PER_MINUTE)))
        options.progress.expect(plan.steps * plan.batch)
        adapted = adapt(
            [image.planes for image in own],
            base,
            options.tile,
            plan,
            # One is left for making batches; more than a few do not help with products of this size.
            threads=min(8, max(1, options.workers - 1)),
            advance=options.progress.advance,
        )
        visits += plan.steps * plan.batch
        before = encode_pixels(own, options, verify=False)
        after = encode_pixels(own, options, verify=False, adapted={base.id: adapted}, embed=embed)
        size_before = sum(len(file.data) for file in before)
        size_after = sum(len(file.data) for file in after) + (0 if embed else len(adapted.differences))
        shipped_bytes, adapted_bytes = shipped_bytes + size_before, adapted_bytes + size_after
        smaller_bytes += min(size_before, size_after)
        if size_after < size_before:
            models.append(adapted)
        for number, file in zip(members, after if size_after < size_before else before, strict=True):
            encoded[number] = file
    done = [file for file in encoded if file is not None]
    if verify:
        used = [*(model.model for model in models), *(model for model, _ in groups.values())]
        used += [model_for(pixels[number], options) for number in plain if has_colour(pixels[number])]
        verify_encoded(done, pixels, options, {model.id: model for model in used})
    return done, Adaptation(tuple(models), shipped_bytes, smaller_bytes if models else adapted_bytes, visits)
