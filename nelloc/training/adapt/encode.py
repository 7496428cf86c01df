"""Compression with models adapted to the images, if files and models together become smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from nelloc.codec.effort import photograph_tile
from nelloc.codec.encode import Encoded, encode_pixels, model_for, verify_encoded
from nelloc.codec.options import EncodeOptions
from nelloc.codec.parallel import in_parts
from nelloc.codec.plan_image import coded_planes
from nelloc.codec.plan_past import has_colour
from nelloc.exact import model_store
from nelloc.exact.learning import can_learn
from nelloc.exact.model import ExactModel
from nelloc.exact.model_delta import Adapted, apply_differences, parse_differences
from nelloc.extras import required
from nelloc.image import Pixels
from nelloc.training.adapt.trials import Sample, Trained, in_rounds

# Pixels trained on in a "minute" of adaptation, so that the result does not depend on the machine's speed. One
# core of an AMD EPYC (Zen 4) does about five million.
PIXELS_PER_MINUTE = 6_000_000
# Pixels of images that are coded together, about.
PART_PIXELS = 1 << 20
# Share of the bytes that an adapted model must save, itself included: files that need a model beside them to
# be decoded are a bad trade for a few bytes.
LEAST_GAIN = 0.001


@dataclass(frozen=True)
class Adaptation:
    """Outcome of an adaptation: ``models`` used (none if they save too little), and total file sizes in bytes.

    ``shipped_bytes`` is the total of files made with the models as they were, ``adapted_bytes`` the total of the files
    as they are now, with their models, or as they would be if none was used. ``pixels`` were trained on.
    """

    models: tuple[Adapted, ...]
    shipped_bytes: int
    adapted_bytes: int
    pixels: int

    @property
    def gain(self) -> float:
        """Share of ``shipped_bytes`` that the adapted models save, or would have saved; negative for a loss."""
        return 1 - self.adapted_bytes / self.shipped_bytes


def default_minutes(pixels: int) -> float:
    """Units of adaptation for images of ``pixels``: one for a megapixel, and twice as many for four times that."""
    return min(30.0, max(0.25, (pixels / 2**20) ** 0.5))


def encode_adapted(
    pixels: Sequence[Pixels],
    options: EncodeOptions,
    *,
    verify: bool,
    embed: bool,
    sources: Sequence[str] | None = None,
) -> tuple[list[Encoded], Adaptation]:
    """Encode images with a model adapted to all of them, and with its gray sibling if that is used.

    Parameters
    ----------
    pixels : sequence of Pixels
        Images. The sequence may make each on demand; each is asked for several times, and few are kept at a time.
    options : EncodeOptions
        Options as for ``encode_pixels``: the model to adapt, ``adapt_minutes``, tiles, effort.
    verify : bool
        Check that every file decodes to its image.
    embed : bool
        Put the adapted model into each file. Otherwise files name it by id, and it must be kept with them.
    sources : sequence of str, optional
        Names of the images in errors.

    Returns
    -------
    encoded : list of Encoded
        One file for each image.
    adaptation : Adaptation
        Models used, and sizes. Where a model and the files that need it do not save LEAST_GAIN, the original model
        is used.

    Raises
    ------
    NellocError
        If torch is missing, or the model cannot be adapted.
    """
    _finetune()  # fails early
    images = _Images.of(pixels, options, sources)
    encoded = dict(zip(images.plain, images.coded(images.plain), strict=True))
    shipped_bytes = adapted_bytes = kept_bytes = _size(encoded.values())
    models, visits = [], 0
    for base, members in images.groups:
        kept = images.coded(members)
        size_before = size_after = _size(kept)
        trained = _trained(images, base, members, size_before)
        visits += trained.pixels
        worth_it = trained.size <= (1 - LEAST_GAIN) * size_before
        if worth_it:
            after = images.coded(members, adapted={base.id: trained.adapted}, embed=embed)
            size_after = _size(after) + (0 if embed else len(trained.adapted.stored))
            worth_it = size_after <= (1 - LEAST_GAIN) * size_before
        else:
            size_after = trained.size
        shipped_bytes, adapted_bytes = shipped_bytes + size_before, adapted_bytes + size_after
        kept_bytes += size_after if worth_it else size_before
        if worth_it:
            kept = after
            models.append(trained.adapted)
        encoded.update(zip(members, kept, strict=True))
    done = [encoded[number] for number in range(len(pixels))]
    if verify:
        images.verify(done, [adapted.model for adapted in models])
    return done, Adaptation(tuple(models), shipped_bytes, kept_bytes if models else adapted_bytes, visits)


@dataclass(frozen=True)
class _Images:
    """Images to encode: their ``areas`` in pixels, photographs by the model to be adapted, and the others.

    Images of indices, bits and deep samples are ``plain``: models are not adapted to them. ``models`` are all that
    encode an image where none is adapted.
    """

    pixels: Sequence[Pixels]
    options: EncodeOptions
    areas: list[int]
    groups: list[tuple[ExactModel, list[int]]]
    plain: list[int]
    models: list[ExactModel]
    sources: Sequence[str]

    @classmethod
    def of(cls, pixels: Sequence[Pixels], options: EncodeOptions, sources: Sequence[str] | None) -> _Images:
        """Sort images by model, asking for each image once."""
        areas: list[int] = []
        members: dict[bytes, list[int]] = {}
        plain: list[int] = []
        models: dict[bytes, ExactModel] = {}
        for number, image in enumerate(pixels):
            areas.append(image.area)
            model = model_for(image, options) if has_colour(image) else None
            if model is not None:
                models[model.id] = model
            (members.setdefault(model.id, []) if model is not None and image.photographic else plain).append(number)
        groups = [(models[identity], numbers) for identity, numbers in members.items()]
        names = ["image"] * len(areas) if sources is None else sources
        return cls(pixels, options, areas, groups, plain, list(models.values()), names)

    def area(self, members: Sequence[int]) -> int:
        """Total pixels of some of the images."""
        return sum(self.areas[number] for number in members)

    def _parts(self, members: Iterable[int]) -> Iterator[list[int]]:
        """Numbers of images that are loaded and encoded together."""
        return in_parts(members, self.areas.__getitem__, PART_PIXELS)

    def coded(self, members: Sequence[int], **keywords: Any) -> list[Encoded]:
        """Encode some of the images, as ``encode_pixels`` does."""
        files: list[Encoded] = []
        for part in self._parts(members):
            pixels, sources = [self.pixels[k] for k in part], [self.sources[k] for k in part]
            files += encode_pixels(pixels, self.options, verify=False, sources=sources, **keywords)
        return files

    def verify(self, files: Sequence[Encoded], adapted: Sequence[ExactModel]) -> None:
        """Raise NellocError if the file of an image does not decode to it."""
        by_id = {model.id: model for model in (*self.models, *adapted)}
        for part in self._parts(range(len(self.pixels))):
            encoded, pixels = [files[k] for k in part], [self.pixels[k] for k in part]
            verify_encoded(encoded, pixels, self.options, by_id, [self.sources[k] for k in part])


def _trained(images: _Images, base: ExactModel, members: Sequence[int], size: int) -> Trained:
    """Adapt a model to its images, whose files have ``size`` bytes without: as long as asked for, or as it pays."""
    options = images.options
    area = sum(images.area(group) for _, group in images.groups)
    minutes = options.adapt_minutes or default_minutes(area)
    pixels = max(1, round(minutes * images.area(members) / area * PIXELS_PER_MINUTE))
    planes = _Planes(images.pixels, members, partial(coded_planes, model=base, options=options))
    tile = options.tile or photograph_tile(options.learn and can_learn(base))
    finetune = _finetune()
    tuning = finetune.Tuning(
        planes,
        base,
        tile,
        finetune.AdaptSettings(pixels),
        # One thread is left for making batches; more than a few do not help with products of this size.
        threads=min(8, max(1, options.workers - 1)),
        progress=options.progress,
    )
    shipped = model_store.comes_along(base.id)
    if options.adapt_minutes or not shipped:  # files with a model of one's own hold it, so that tiles do not tell
        trained = Trained(pixels=tuning.train(pixels), adapted=tuning.adapted())
    else:
        trained = in_rounds(tuning, Sample.of(planes, base, tile, options), size, pixels)
    if shipped:
        return trained
    # Differences to it would be of no use elsewhere.
    whole = model_store.whole_file(options.model or model_store.DEFAULT_MODEL)
    stored = apply_differences(parse_differences(trained.adapted.stored, "model"), whole, "model")
    return replace(trained, adapted=replace(trained.adapted, stored=stored))


def _finetune() -> ModuleType:
    required("torch", "adapting needs torch", "train")
    from nelloc.training.adapt import finetune

    return finetune


def _size(files: Iterable[Encoded]) -> int:
    return sum(len(file.data) for file in files)


class _Planes(Sequence[NDArray]):
    """Planes of some of the images, as ``coded``, each image loaded on demand."""

    def __init__(self, pixels: Sequence[Pixels], members: Sequence[int], coded: Callable[[Pixels], NDArray]):
        self._pixels, self._members, self._coded = pixels, members, coded

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, number):
        return self._coded(self._pixels[self._members[number]])
