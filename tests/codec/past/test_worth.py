"""Pictures that are nearly a JPEG's: a long search only where it may make them smaller."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from jpeg_samples import picture, saved
from PIL import Image

from nelloc.codec.past import invert as search
from nelloc.codec.past import worth
from nelloc.codec.past.detect import was_jpeg
from nelloc.codec.past.edits import flattened
from nelloc.codec.past.invert import Candidate, invert
from nelloc.codec.past.worth import PART
from nelloc.exact import native

pytestmark = pytest.mark.skipif(native.missing() is not None, reason="the compiled core is not built")
PARROTS = Path(__file__).parents[3] / "docs/images/parrots.png"


def decoded(quality: int, sampling: int) -> np.ndarray:
    file = io.BytesIO()
    image = Image.open(PARROTS).convert("RGB").crop((0, 0, 192, 160))
    image.save(file, "JPEG", quality=quality, subsampling=sampling)
    return np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1))


def test_errors_everywhere_are_given_up_below_effort_six():
    """Two pixels in five of seven blocks in eight are changed by more than the JPEG saves."""
    rng = np.random.default_rng(3)
    planes = decoded(92, 2)
    mask = np.kron(rng.random((20, 24)) < 0.875, np.ones((8, 8))) * rng.random(planes.shape[1:]) > 0.6
    changed = np.clip(planes + mask * rng.integers(-3, 4, planes.shape), 0, 255).astype(np.uint8)
    assert invert(changed, effort=5) is None
    assert invert(changed, effort=6) is not None


@pytest.mark.parametrize("sampling", [0, 2])
def test_small_errors_of_few_pixels_do_no_harm(sampling):
    """One pixel in fifty is off by one in green, as other decoders leave it; then most blocks have such a pixel."""
    rng = np.random.default_rng(4)
    planes = decoded(75, sampling)
    planes[1] = np.clip(planes[1].astype(int) + (rng.random(planes.shape[1:]) < 0.02), 0, 255)
    found = invert(planes, effort=5)
    assert found is not None
    assert (found.pixels == planes).all(axis=0).mean() > 0.8


def looks(monkeypatch):
    """The shapes of pictures that are looked at from now on."""
    shapes = []
    first_look = Candidate.first_look
    monkeypatch.setattr(
        Candidate, "first_look", lambda self, **more: shapes.append(self.pixels.shape) or first_look(self, **more)
    )
    return shapes


def test_of_a_large_picture_parts_are_looked_at_first(monkeypatch):
    rng = np.random.default_rng(5)
    planes = np.ascontiguousarray(np.tile(decoded(92, 0), (1, 2, 2)))
    mask = rng.random(planes.shape[1:]) < 0.3
    changed = np.clip(planes + mask * rng.integers(-9, 10, planes.shape), 0, 255).astype(np.uint8)
    looked_at = looks(monkeypatch)
    assert was_jpeg(changed)
    assert invert(changed, effort=5) is None
    assert set(looked_at) == {(3, PART, PART)}
    looked_at.clear()
    assert invert(planes, effort=5) is not None
    assert looked_at == [planes.shape]


def test_doubtful_pictures_are_searched_if_their_parts_gain_by_it(monkeypatch):
    """By a table of gamma a few levels are off by one; a search finds blocks that make most of them."""
    table = np.rint(255 * (np.arange(256) / 255) ** 1.01).astype(np.uint8)
    planes = np.ascontiguousarray(np.tile(table[decoded(92, 0)], (1, 2, 2)))

    picture = Candidate(planes)

    def share_of_parts(patience):
        totals = np.zeros(2)
        for part in worth.parts(planes):
            inversion = Candidate(part, whole=picture).first_look()
            inversion.search(lambda: None, patience)
            totals += inversion.entropies()
        return totals[0] / totals[1]

    before, after = share_of_parts(0), share_of_parts(1)
    assert after < 0.99 * before
    monkeypatch.setattr(worth, "SEARCHED", (before + after) / 2)
    assert search._may_gain(picture.first_look(), picture, 1)
    assert not search._may_gain(picture.first_look(), picture, 0)


def test_colours_that_are_a_little_off_everywhere_do_not_tell_that_a_picture_was_no_jpeg():
    """Hardly a block of them is without such colours, but as they look they are near enough."""
    planes = np.ascontiguousarray(np.tile(decoded(75, 0), (1, 2, 2)))
    planes[0, 1::4, 2::8] ^= 1
    picture = Candidate(planes)
    assert picture.share_of_colours > search.NEARLY_ALL
    assert not any(part.tells for part in picture.parts())
    found = invert(planes, effort=5)
    assert found is not None
    assert (found.pixels == planes).all(axis=0).mean() > 0.85


@pytest.mark.parametrize("likely", [True, False])
def test_a_small_picture_in_doubt_is_searched_if_its_luma_gains(monkeypatch, likely):
    """A colour is off by one in most blocks; the bounds are set around it, so that it is in doubt."""
    planes = decoded(92, 2)
    planes[2, ::3, ::5] ^= 1
    inversion = Candidate(planes).first_look()
    monkeypatch.setattr(worth, "WORTH", inversion.share_of_pixels() - 0.01)
    monkeypatch.setattr(worth, "SEARCHED", 0)
    monkeypatch.setattr(worth, "DOUBTFUL", inversion.share_of_pixels() + 0.01)
    monkeypatch.setattr(worth, "LIKELY", inversion.share_of_luma() + (0.01 if likely else -0.01))
    assert next(worth.parts(planes), None) is None
    searched = []
    monkeypatch.setattr(search.Inversion, "search", lambda *_: searched.append(True))
    invert(planes, effort=5)
    assert searched == [True] * likely


@pytest.mark.parametrize("top", [0, 5])
def test_luma_tells_that_all_is_wrong(top):
    """Luma that comes back leaves only its coefficients; where it is noise, tiles count as pixels."""
    planes = decoded(75, 0)[:, top:, top:].copy()
    inversion = Candidate(planes).first_look()
    right = inversion.share_of_luma()
    assert (inversion.top, inversion.left) == (top, top)
    assert right < 0.4
    found = worth.PlacedBlocks(inversion._luma.coefficients, inversion.top, inversion.left)
    made = inversion._luma.enlarged()[inversion.top :, inversion.left :][: planes.shape[1], : planes.shape[2]]
    noise = np.random.default_rng(6).integers(-20, 21, planes.shape[1:])
    luma = np.clip(made + noise, 0, 255).astype(np.uint8)
    assert worth.share_of_luma(luma, made, found, planes) == 1
    luma[:, 128:] = made[:, 128:]
    assert right < worth.share_of_luma(luma, made, found, planes) < 1


def test_chroma_is_not_looked_at_where_luma_is_enough(monkeypatch):
    """Below effort 6, and only of pictures with other colours than a JPEG's."""
    planes = decoded(75, 0)
    changed = planes.copy()
    changed[1, ::9, ::9] += 1
    looked_at = []
    look = search._best_sampling
    monkeypatch.setattr(search, "_best_sampling", lambda *rest: looked_at.append(1) or look(*rest))
    monkeypatch.setattr(worth, "share_of_luma", lambda *_: worth.WORTH)
    assert invert(changed, effort=5) is None
    assert not looked_at
    assert invert(changed, effort=6) is not None
    assert invert(planes, effort=5) is not None
    assert len(looked_at) == 3  # twice at the changed one, most of whose blocks are wrong


@pytest.mark.parametrize(("width", "height", "quality"), [(40, 33, 30), (64, 48, 30), (130, 60, 92)])
def test_small_smooth_pictures_are_searched_whatever_a_first_look_shows(width, height, quality):
    image = Image.open(io.BytesIO(saved(picture(width, height), quality=quality, subsampling=2)))
    planes = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    assert Candidate(planes).first_look().share_of_pixels() >= worth.WORTH
    found = invert(planes, effort=5)
    assert found is not None
    assert (found.pixels == planes).all(axis=0).mean() > 0.9


def test_an_edited_half_is_better_coded_as_pixels_unless_little_is_wrong_of_it():
    image = np.asarray(Image.open(PARROTS).convert("RGB").crop((0, 0, 256, 128)))
    planes = np.asarray(Image.open(io.BytesIO(saved(Image.fromarray(image), quality=90)))).transpose(2, 0, 1)
    found = invert(np.ascontiguousarray(planes))
    assert found is not None
    edited, brightened = found.pixels.copy(), found.pixels.copy()
    edited[:, :, 128:] = np.arange(128, dtype=np.uint8) + 60
    brightened[:, :, 128:] += 1
    right_half = np.broadcast_to(np.arange(256) >= 128, (128, 256))
    assert np.array_equal(worth.better_as_pixels(found.image, found.pixels, edited, 0, 0), right_half)
    for pixels in (brightened, found.pixels):
        assert not worth.better_as_pixels(found.image, found.pixels, pixels, 0, 0).any()
    flat = flattened(found.image, edited, found.pixels, 0, 0, right_half)
    assert flat is not None
    luma, before = flat.components[0].coefficients, found.image.components[0].coefficients
    assert not luma[:, 16:, 1:].any()
    assert np.array_equal(luma[:, :16], before[:, :16])


@pytest.mark.parametrize("planes", [1, 3])
def test_a_large_gray_picture_in_doubt_is_searched_in_parts(planes, monkeypatch):
    """Of one plane, or of three that are the same: its colours tell nothing."""
    file = io.BytesIO()
    Image.open(PARROTS).convert("L").crop((0, 0, 320, 288)).save(file, "JPEG", quality=80)
    gray = np.asarray(Image.open(file))[None].repeat(planes, axis=0)
    monkeypatch.setattr(search.Inversion, "share_of_pixels", lambda _: worth.WORTH)
    looked_at = looks(monkeypatch)
    assert invert(gray) is not None
    assert looked_at[1:] == 3 * [(planes, PART, PART)]
