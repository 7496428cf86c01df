"""Levels of effort: what is tried grows with the level, so files never do."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import nelloc
from nelloc.codec import lzma_rows
from nelloc.codec.container import parse
from nelloc.codec.effort import ADDED, DEFAULT_EFFORT, LARGE_TILE, Effort, photograph_tile
from nelloc.codec.format import Method
from nelloc.codec.search import Trial, plans_for
from nelloc.codec.tiling import DEFAULT_TILE
from nelloc.errors import NellocError
from nelloc.image.kinds import Kind

PARROTS = Path(__file__).parents[2] / "docs" / "images" / "parrots.png"


def photograph(width=20, height=12):
    return np.asarray(Image.open(PARROTS))[200 : 200 + height, 300 : 300 + width]


IMAGES = {
    "photograph": photograph(),
    "gray photograph": photograph()[:, :, 1],
    "blocks": photograph()[::4, ::4].repeat(4, axis=0).repeat(4, axis=1),
    "few levels": photograph() // 64 * 64,
    "noise": np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8),
    "alpha": np.dstack([photograph(), np.arange(20, dtype=np.uint8) + np.zeros((12, 1), np.uint8)]),
    "bits": photograph()[:, :, 0] > 100,
    "deep": photograph().astype(np.uint16) * 200,
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_higher_effort_is_never_larger(name, small_model_path):
    image = IMAGES[name]
    sizes = []
    for effort in (Effort.GUESS, Effort.MODEL, Effort.EVERYTHING):
        data = nelloc.encode(image, model=small_model_path, effort=effort, verify=False)
        assert np.array_equal(nelloc.decode(data, model=small_model_path), image)
        sizes.append(len(data))
    assert sizes == sorted(sizes, reverse=True)


@settings(max_examples=4)
@given(st.sampled_from(sorted(IMAGES)), st.sampled_from([None, 16, 64]))
def test_each_level_tries_all_that_the_one_below_tries(name, tile):
    image = np.asarray(IMAGES[name])
    planes = (image[:, :, None] if image.ndim == 2 else image).transpose(2, 0, 1)[:3].astype(np.uint8)
    planes = np.tile(planes, (1, 2, 14))  # wider than one tile
    kind = Kind.RGB if len(planes) == 3 else Kind.GRAY
    below = None
    for effort in Effort:
        plans = {plan.tile: plan.pieces for plan in plans_for(kind, [planes], [8], tile, effort)}
        for size, pieces in (below or {}).items():
            for old, new in zip(pieces, plans[size], strict=True):
                assert set(old.trials) <= set(new.trials)
        below = plans


def test_each_level_tries_all_that_the_one_below_tries_of_colours_and_alpha():
    cut_out = np.zeros((1, 40, 300), np.uint8)
    cut_out[:, 10:30, 40:200] = 255
    colours = np.tile(photograph(20, 10), (4, 15, 1)).transpose(2, 0, 1) * (cut_out > 0)
    below = None
    for effort in Effort:
        plans = plans_for(Kind.RGBA, [colours, cut_out], [8, 8], None, effort)
        found = {(plan.tile, plan.joined): [set(piece.trials) for piece in plan.pieces] for plan in plans}
        assert any(joined for _, joined in found) == (effort >= Effort.OTHER_WAYS)
        for key, trials in (below or {}).items():
            assert all(old <= new for old, new in zip(trials, found[key], strict=True))
        below = found


def test_photographs_with_little_that_is_drawn_are_not_tried_in_large_tiles():
    image = photograph(468, 300)
    image = np.concatenate([image, image // 64 * 64])[:, :, 1][None]
    for top, expected in ((0, 1), (300, 2)):
        plans = plans_for(Kind.GRAY, [image[:, top : top + 256]], [8], None, DEFAULT_EFFORT)
        assert len(plans) == expected


def test_what_repeats_farther_away_than_a_tile_reaches_is_no_repeat():
    once = np.asarray(Image.open(PARROTS))[200:260].transpose(2, 0, 1)
    for width, expected in ((300, False), (768, True)):
        image = np.tile(once[:, :, :width], (1, 1, 3))
        first = plans_for(Kind.RGB, [image], [8], None, Effort.GUESS)[0].pieces[0].trials[0]
        assert (first.method is Method.MIXTURE) == expected


def test_photographs_are_left_to_the_model_at_the_default_level():
    planes = photograph(300, 200).transpose(2, 0, 1)
    (plan,) = plans_for(Kind.RGB, [planes], [8], None, DEFAULT_EFFORT)
    assert all([trial.method for trial in piece.trials] == [Method.MIXTURE] for piece in plan.pieces)


def test_a_constant_image_costs_a_few_bytes():
    assert len(nelloc.encode(np.full((200, 300, 3), 7, np.uint8))) < 64


def test_noise_is_stored(small_model_path):
    data = nelloc.encode(IMAGES["noise"], model=small_model_path)
    assert parse(data).records[0].method is Method.STORED


def test_every_level_is_described():
    assert set(ADDED) == set(Effort)
    assert list(Effort) == list(range(1, 8))


def test_an_effort_out_of_range_is_refused():
    with pytest.raises(NellocError, match="effort 8"):
        nelloc.encode(IMAGES["bits"], effort=8)


def test_photographs_that_are_learned_from_have_larger_tiles():
    whole = np.asarray(Image.open(PARROTS)).transpose(2, 0, 1)

    def tile(image, given=None, learns=True):
        (plan,) = plans_for(Kind.RGB, [image], [8], given, DEFAULT_EFFORT, learns=learns)
        return plan.tile

    assert tile(whole) == photograph_tile(True) == 2 * DEFAULT_TILE
    assert tile(whole, learns=False) == tile(whole[:, :256, :256]) == DEFAULT_TILE
    assert tile(whole, given=100) == 100
    captioned = whole.copy()
    captioned[:, :256, :256] = 255 * (np.indices((256, 256)).sum(0) % 7 < 3)
    assert tile(captioned) == DEFAULT_TILE


def test_one_layer_is_tried_too_where_a_photograph_is_partly_flat():
    whole = np.asarray(Image.open(PARROTS)).transpose(2, 0, 1)[:, 100:300, 200:400]
    over_exposed = whole.copy()
    over_exposed[:, :70] = 255

    def trials(image):
        (plan,) = plans_for(Kind.RGB, [image], [8], None, DEFAULT_EFFORT, learns=2, lattices=False)
        (piece,) = plan.pieces
        return [trial.method for trial in piece.trials]

    assert trials(whole) == [Method.TWO_LAYERS]
    assert trials(over_exposed) == [Method.TWO_LAYERS, Method.LEARNING]
    assert trials(over_exposed[:, 50:140, :90]) == [Method.LEARNING]  # too small for two layers


def test_large_tiles_of_a_photograph_are_tried_with_the_model_alone():
    whole = np.asarray(Image.open(PARROTS)).transpose(2, 0, 1)
    plans = plans_for(Kind.RGB, [whole], [8], None, Effort.LARGE_PHOTOGRAPHS, learns=True)
    assert [plan.tile for plan in plans] == [photograph_tile(True), LARGE_TILE]
    assert [piece.trials for piece in plans[1].pieces] == [(Trial(Method.LEARNING),)]


def test_the_model_is_not_tried_at_first_where_there_are_few_colours():
    def tried(samples, effort):
        (plan,) = plans_for(Kind.RGB, [samples], [8], None, effort)
        return any(trial.method.needs_model for trial in plan.pieces[0].trials)

    # Noise is drawn in the eyes of the first look.
    noise = np.random.default_rng(0).integers(0, 7, (3, 90, 90), np.uint8)
    few = noise // np.array([2, 2, 3], np.uint8)[:, None, None] * 40  # 48 colours at most
    many = noise * 40
    assert [tried(few, effort) for effort in (DEFAULT_EFFORT, Effort.EVERYTHING)] == [False, True]
    assert tried(many, DEFAULT_EFFORT)


def test_rows_are_left_out_where_the_adaptive_coder_is_far_smaller(monkeypatch):
    """A small icon's rows are not packed by LZMA, but with the highest effort; the file is the same."""
    icon = np.zeros((32, 32, 3), np.uint8)
    icon[8:24, 8:24] = np.random.default_rng(1).integers(0, 2, (16, 16, 1)) * [200, 100, 50]
    packed = []
    encode_rows = lzma_rows.encode
    monkeypatch.setattr(lzma_rows, "encode", lambda *args: packed.append(args) or encode_rows(*args))
    quick = nelloc.encode(icon)
    assert not packed
    assert nelloc.encode(icon, effort=7) == quick
    assert packed
