"""Plans of an image: as the JPEG that it was, by the levels that occur, and as pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nelloc.codec.adaptive import classify
from nelloc.codec.description import Described, by_levels, describe, missing_levels
from nelloc.codec.effort import Effort
from nelloc.codec.encode_pieces import encode_pieces
from nelloc.codec.options import EncodeOptions
from nelloc.codec.past import worth
from nelloc.codec.past.stretched import levels_of_jpeg
from nelloc.codec.plan_past import bits_of, is_enough, plan_past
from nelloc.codec.search import TileSearch, plans_for
from nelloc.exact.model import ExactModel
from nelloc.exact.two_layers import layers_that_learn
from nelloc.image import Pixels
from nelloc.image.kinds import Kind
from nelloc.image.pixels import Samples

# Parts that an image has at least if some are coded to tell how small it will be, and the share of that size below
# which another file is surely smaller.
_MANY_PARTS, _SURELY_MORE = 16, 0.85


@dataclass(frozen=True)
class ImagePlans:
    """Plans of an image, with all sections but that of a model.

    The ``later`` ones are left out if one of the ``first`` makes a file of less than ``least`` bytes.
    """

    first: list[TileSearch]
    later: list[TileSearch] = field(default_factory=list)
    least: int = 0


def plans_of(image: Pixels, model: ExactModel | None, options: EncodeOptions, source: str = "image") -> ImagePlans:
    """Plan an image that ``model`` may code; ``source`` names it in errors."""
    learns = layers_that_learn(model) if options.learn and model is not None else 0
    what = describe(image, source)
    as_jpeg = plan_past(image, what, options, learns=learns)
    if is_enough(as_jpeg, image):
        return ImagePlans(as_jpeg)
    ways, more = _by_levels(image, what, model, options, learns=learns)
    as_jpeg += more
    if is_enough(more, image):
        return ImagePlans(as_jpeg)
    as_pixels = [plan for way in ways for plan in _as_pixels(image.kind, way, options, learns=learns)]
    if not as_jpeg:
        return ImagePlans(as_pixels)
    return ImagePlans(as_jpeg, as_pixels, _fewest_bytes(image, ways[0], model, options, learns=learns))


def coded_planes(image: Pixels, model: ExactModel, options: EncodeOptions) -> Samples:
    """Samples of the first group (planes, H, W) as a model codes them: those of a stretched image by their levels."""
    learns = layers_that_learn(model) if options.learn else 0
    return _by_levels(image, describe(image), model, options, learns=learns)[0][0].groups[0]


def _as_pixels(kind: Kind, what: Described, options: EncodeOptions, *, learns: int) -> list[TileSearch]:
    """Plans of an image as it is described, with all sections but that of a model."""
    bits = bits_of(kind, what)
    plans = plans_for(kind, what.groups, bits, options.tile, options.effort, learns=learns, lattices=options.lattice)
    return [replace(plan, sections=(*plan.sections, *what.sections)) for plan in plans]


def _by_levels(
    image: Pixels, what: Described, model: ExactModel | None, options: EncodeOptions, *, learns: int
) -> tuple[list[Described], list[TileSearch]]:
    """Descriptions of an image to plan, and, if the numbers of its levels are a JPEG's samples, plans as that JPEG.

    The description is numbered by levels if the image seems to be stretched and a part of it is smaller so. With a high
    effort both are planned, the likelier first.
    """
    lacking = missing_levels(image.kind, what) if options.levels else []
    if not any(map(any, lacking)):
        return [what], []
    placed = None if image.kind.deep else levels_of_jpeg(what.groups[0], lacking[0])
    plans: list[TileSearch] = []
    if placed is None:
        numbered = by_levels(image.kind, what, lacking)
    else:
        numbered = by_levels(image.kind, what, [placed, *lacking[1:]], placed=True)
        plans = plan_past(image, numbered, options, learns=learns)
    best = is_enough(plans, image) or _is_smaller(image, what, numbered, model, options, learns=learns)
    ways = [numbered, what] if best else [what, numbered]
    return ways[: 2 if options.effort >= Effort.LARGE_PHOTOGRAPHS else 1], plans


def _is_smaller(
    image: Pixels,
    what: Described,
    numbered: Described,
    model: ExactModel | None,
    options: EncodeOptions,
    *,
    learns: int,
) -> bool:
    """True if a part of an image takes fewer bytes as it is ``numbered`` by levels, their lists included."""
    if not classify.is_photograph(_middle(numbered.groups[0])):
        return False
    middles = (replace(one, groups=tuple(_middle(group) for group in one.groups)) for one in (what, numbered))
    sizes = [sum(_coded_sizes(image.kind, middle, model, options, learns=learns)) for middle in middles]
    lists = sum(len(one.data) for one in numbered.sections) - sum(len(one.data) for one in what.sections)
    part, saved = _middle(image.planes)[0].size, sizes[0] - sizes[1]
    return saved * image.area > lists * part


def _fewest_bytes(
    image: Pixels, what: Described, model: ExactModel | None, options: EncodeOptions, *, learns: int
) -> int:
    """Estimate the fewest bytes to be expected of a large photograph's colours; 0 if that would not save time.

    What a model makes of parts is about the same share of their entropy as of the whole.
    """
    colour = what.groups[0]
    some = [replace(what, groups=groups) for groups in zip(*map(worth.parts, what.groups), strict=True)]
    small = image.area < _MANY_PARTS * worth.PART * worth.PART
    if small or not some or options.effort >= Effort.LARGE_PHOTOGRAPHS or not classify.is_photograph(colour):
        return 0
    coded = sum(_coded_sizes(image.kind, part, model, options, learns=learns)[0] for part in some)
    entropy = sum(worth.entropy_of_pixels(part.groups[0]) for part in some)
    return int(_SURELY_MORE * coded * worth.entropy_of_pixels(colour) / max(1.0, entropy))


def _coded_sizes(
    kind: Kind, part: Described, model: ExactModel | None, options: EncodeOptions, *, learns: int
) -> list[int]:
    """Bytes of the records of a part of an image that is one tile, one for each group."""
    plan = _as_pixels(kind, part, replace(options, tile=worth.PART), learns=learns)[0]
    coded = encode_pieces([(piece, model) for piece in plan.pieces], lambda _: None, backend=options.backend)
    return [len(piece.code.data) for piece in coded]


def _middle(samples: Samples) -> Samples:
    """The middle of samples (planes, H, W)."""
    top, left = (max(0, (size - worth.PART) // 2) for size in samples.shape[1:])
    return samples[:, top : top + worth.PART, left : left + worth.PART]
