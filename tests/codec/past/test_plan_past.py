"""Plans of pictures that were JPEGs: when pixels are not tried, and pieces that plans share."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc.codec import encode, plan_image, plan_past
from nelloc.codec.format import Method
from nelloc.codec.past.pixels import Made
from nelloc.codec.search import Piece, Trial
from nelloc.exact import native

pytestmark = pytest.mark.skipif(native.missing() is not None, reason="the compiled core is not built")
PARROTS = Path(__file__).parents[3] / "docs/images/parrots.png"


def edited(quality: int, share: float = 0.2, mode: str = "RGB") -> np.ndarray:
    """A part of a photograph that was a JPEG, of which a share is brighter."""
    file = io.BytesIO()
    Image.open(PARROTS).convert(mode).crop((0, 0, 192, 160)).save(file, "JPEG", quality=quality)
    image = np.asarray(Image.open(file)).copy()
    part = np.s_[: round(share * 160)]
    image[part] = np.clip(image[part] * 1.2, 0, 255).astype(np.uint8)
    return image


def _is_made(piece: Piece) -> bool:
    return isinstance(piece.trials[0].setting, Made)


@pytest.fixture
def coded(monkeypatch):
    """List of the pieces that are coded."""
    pieces = []
    original = encode.encode_pieces

    def spy(work, *rest, **options):
        pieces.extend(piece for piece, _ in work)
        return original(work, *rest, **options)

    monkeypatch.setattr(encode, "encode_pieces", spy)
    return pieces


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pixels_are_not_tried_where_a_jpeg_is_much_smaller(coded, monkeypatch, mode):
    """One row of blocks in ten is wrong; the file is what it is if pixels are tried."""
    image = edited(60, 0.1, mode=mode)
    data = nelloc.encode(image, verify=False)
    assert coded
    assert all(map(_is_made, coded))
    coded.clear()
    monkeypatch.setattr(plan_image, "is_enough", lambda *_: False)
    assert nelloc.encode(image, verify=False) == data
    assert not all(map(_is_made, coded))


def test_pixels_are_tried_where_they_may_be_smaller(coded):
    nelloc.encode(edited(97, 0.8), verify=False)
    assert not all(map(_is_made, coded))


def test_share_below_which_pixels_are_not_tried(monkeypatch):
    asked = []
    estimate = plan_past.worth.entropies_of_pixels
    monkeypatch.setattr(
        plan_past.worth, "entropies_of_pixels", lambda *planes: asked.append(estimate(*planes)) or asked[-1]
    )
    nelloc.encode(edited(60), verify=False)
    wrong, whole = asked[-1]
    assert 0 < wrong < 0.85 * whole


def test_pieces_that_plans_share_are_coded_once(coded):
    """A piece is made by two JPEGs and coded as pixels: pixels once, and the smallest is taken of each."""
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 256, (3, 16, 24), np.uint8)
    others = Trial(Method.STORED), Trial(Method.DEFLATE)
    near = samples.copy()
    near[0, 0, 0] ^= 1
    first, second = (Trial(Method.PAST, Made(made)) for made in (near, 255 - samples))
    pieces = [Piece(samples, 8, (trial, others[0])) for trial in (first, second)]
    options = nelloc.codec.options.EncodeOptions(past=True)
    found = encode._encode_all([(piece, None) for piece in pieces], options, measure=False, known={})
    assert [one.method for one in found] == [Method.PAST, Method.STORED]
    assert [piece.trials for piece in coded] == [(first,), (others[0],), (second,)]


def test_pixels_of_a_large_picture_are_not_tried_where_parts_of_them_say_that_they_are_larger(coded, monkeypatch):
    """A part of it was replaced; the file is what it is if pixels are tried."""
    file = io.BytesIO()
    photograph = Image.open(PARROTS).convert("RGB").crop((256, 128, 512, 384))
    photograph.save(file, "JPEG", quality=90)
    image = np.asarray(Image.open(file)).copy()
    image[:40] = np.asarray(photograph)[216:]
    monkeypatch.setattr(plan_image, "is_enough", lambda *_: False)
    monkeypatch.setattr(plan_image, "_MANY_PARTS", 4)
    files = []
    for estimate in (plan_image._fewest_bytes, lambda *_, **__: 0):
        coded.clear()
        monkeypatch.setattr(plan_image, "_fewest_bytes", estimate)
        files.append(nelloc.encode(image, verify=False))
        as_pixels = [piece for piece in coded if piece.samples[0].size >= 256 * 256 and not _is_made(piece)]
        assert bool(as_pixels) == (len(files) == 2)
    assert files[0] == files[1]
