"""Regions of images, and what is left of damaged files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelloc
from nelloc import NellocError
from nelloc.codec import container
from nelloc.codec import decode as decoding
from nelloc.codec.tiling import Rectangle, tiles

TILE = 16


def picture(height, width, channels=3, seed=0):
    """Smooth and a little noisy, so that at effort 1 its tiles are coded with the model, as photographs are."""
    rows, columns, channel = np.ogrid[:height, :width, :channels]
    smooth = 120 + 50 * np.sin(rows / 9 + columns / 7 + channel)
    image = (smooth + np.random.default_rng(seed).normal(size=smooth.shape) * 3).astype(np.uint8)
    return image[:, :, 0] if channels == 1 else image


def damage(data, tile, groups=1):
    """The file with one byte of a tile's data changed."""
    file = container.parse(data)
    start = len(data) - sum(len(record.data) + 4 for record in file.records[tile * groups :])
    changed = bytearray(data)
    changed[start + 1] ^= 0x10
    return bytes(changed)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 2, 3, 4]), st.data())
def test_a_region_is_that_part_of_the_image(small_model_path, height, width, channels, data):
    image = picture(height, width, channels)
    file = nelloc.encode(image, model=small_model_path, tile=TILE, verify=False)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    part = nelloc.decode(file, model=small_model_path, region=Rectangle(y, x, h, w))
    np.testing.assert_array_equal(part, image[y : y + h, x : x + w])


def test_only_the_tiles_of_the_region_are_decoded(small_model_path, monkeypatch):
    image = picture(70, 70)
    file = nelloc.encode(image, model=small_model_path, tile=TILE, effort=1)
    places = tiles(70, 70, TILE)
    region = Rectangle(20, 30, 25, 7)
    met = [number for number, place in enumerate(places) if region.meets(place)]
    assert 1 < len(met) < 7 < len(places)
    decoded = []
    real = decoding._decode_tiles

    def recorded(work, advance, **options):
        decoded.extend(data for _, data in work)
        return real(work, advance, **options)

    monkeypatch.setattr(decoding, "_decode_tiles", recorded)
    nelloc.decode(file, model=small_model_path, region=region)
    assert sorted(decoded) == sorted(container.parse(file).records[number].data for number in met)


def test_a_region_needs_its_own_tiles_only(small_model_path):
    image = picture(40, 40)
    file = damage(nelloc.encode(image, model=small_model_path, tile=TILE), 0)
    with pytest.raises(NellocError, match="tile 0"):
        nelloc.decode(file, model=small_model_path)
    part = nelloc.decode(file, model=small_model_path, region=Rectangle(20, 20, 20, 20))
    np.testing.assert_array_equal(part, image[20:, 20:])
    with pytest.raises(NellocError, match="tile 0 does not match its checksum"):
        nelloc.decode(file, model=small_model_path, region=Rectangle(2, 2, 2, 2))


@pytest.mark.parametrize("region", [Rectangle(0, 0, 9, 10), Rectangle(7, 0, 2, 1), Rectangle(100, 100, 1, 1)])
def test_a_region_outside_the_image_is_refused(region):
    with pytest.raises(NellocError, match=rf"has 8 x 8 pixels, and the region {region} is not inside"):
        nelloc.decode(nelloc.encode(picture(8, 8)), region=region)


@pytest.mark.parametrize(("channels", "joined"), [(1, False), (2, False), (3, False), (4, False), (2, True), (4, True)])
def test_the_rest_of_a_damaged_file_is_restored(small_model_path, channels, joined):
    image = picture(40, 40, channels)
    if joined:  # colour and alpha that change together
        image = np.where(image[:, :, :1] > 120, np.uint8([200, 30, 90, 250])[:channels], 7).astype(np.uint8)
    file = nelloc.encode(image, model=small_model_path, tile=TILE)
    groups = container.parse(file).groups
    assert container.parse(file).joined == joined
    file = damage(file, 4, len(groups))
    options = nelloc.DecodeOptions(model=small_model_path, allow_damaged=True)
    (pixels,) = decoding.decode_files([decoding.open_file(file, "x", options)], ["x"], options)
    place = tiles(40, 40, TILE)[4]
    assert pixels.damaged == (f"tile 4 ({place})",)
    with pytest.warns(UserWarning, match=rf"^data: is damaged; .*: tile 4 \({place}\)$") as caught:
        back = nelloc.decode(file, options=options)
    assert [one.filename for one in caught] == [__file__]
    with pytest.warns(UserWarning, match="^file 1: is damaged") as caught:
        nelloc.decode_many([nelloc.encode(image, model=small_model_path), file], options=options)
    assert [one.filename for one in caught] == [__file__]
    whole = np.ones((40, 40), bool)
    whole[place.rows, place.columns] = False
    np.testing.assert_array_equal(back[whole], image[whole])
    hole = back[place.rows, place.columns]
    assert (
        (hole[..., :3] == [255, 0, 255]).all()
        if channels > 2
        else (hole.reshape(*hole.shape[:2], -1)[..., 0] == 127).all()
    )
    assert not joined or (hole[..., -1] == 255).all()


def test_a_truncated_file_is_restored_up_to_its_end(small_model_path):
    image = picture(48, 16)
    file = nelloc.encode(image, model=small_model_path, tile=TILE)
    records = container.parse(file).records
    cut = file[: -4 - len(records[2].data) // 2]
    with pytest.warns(UserWarning, match=r"data: is damaged; .*: tile 2 \(.*"):
        back = nelloc.decode(cut, model=small_model_path, allow_damaged=True)
    np.testing.assert_array_equal(back[:32], image[:32])
    assert (back[32:] == [255, 0, 255]).all()


def test_a_stream_that_decodes_to_other_pixels_is_a_hole_too(small_model_path):
    """The container's checksum is right, that of the pixels is not."""
    image = picture(32, 16)
    file = container.parse(nelloc.encode(image, model=small_model_path, tile=TILE))
    forged = bytearray(file.records[1].data)
    forged[5] ^= 1
    records = (file.records[0], container.TileRecord(file.records[1].method, bytes(forged)))
    data = container.pack(container.Container(file.kind, 16, 32, TILE, file.model_id, records))
    with pytest.warns(UserWarning, match=r"tile 1 \("):
        back = nelloc.decode(data, model=small_model_path, allow_damaged=True)
    np.testing.assert_array_equal(back[:16], image[:16])
    assert (back[16:] == [255, 0, 255]).all()


def test_damage_before_the_tiles_cannot_be_repaired(small_model_path):
    file = nelloc.encode(picture(40, 40), model=small_model_path, tile=TILE)
    with pytest.raises(NellocError, match="header"):
        nelloc.decode(file[:12] + b"\x55" + file[13:], model=small_model_path, allow_damaged=True)


def test_large_files_are_decoded_part_by_part(small_model_path, monkeypatch):
    monkeypatch.setattr(decoding, "PIXELS_AT_ONCE", 500)
    parts = []
    real = decoding.spread
    monkeypatch.setattr(decoding, "spread", lambda f, work, *a, **k: parts.append(len(work)) or real(f, work, *a, **k))
    image = picture(70, 50)
    file = nelloc.encode(image, model=small_model_path, tile=TILE, effort=1, threads=1)
    parts.clear()
    np.testing.assert_array_equal(nelloc.decode(file, model=small_model_path, threads=1), image)
    assert len(parts) > 4
    assert max(parts) <= 3


@settings(max_examples=20)
@given(st.integers(1, 60), st.integers(1, 40), st.sampled_from([1, 3, 4]), st.integers(1, 900), st.data())
def test_slices_are_the_image_or_region_from_top_to_bottom(small_model_path, height, width, channels, pixels, data):
    file = nelloc.encode(picture(height, width, channels), model=small_model_path, tile=TILE, verify=False)
    region = None
    if data.draw(st.booleans()):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        region = Rectangle(y, x, data.draw(st.integers(1, height - y)), data.draw(st.integers(1, width - x)))
    options = nelloc.DecodeOptions(model=small_model_path, region=region, threads=1)
    opened = decoding.open_file(file, "x", options)
    (whole,) = decoding.decode_files([opened], ["x"], options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "PIXELS_AT_ONCE", pixels)
        found = list(decoding.decode_slices(opened, "x", options))
    assert whole.same_in_slices(iter(found), type(whole).same_as)
    assert not whole.same_in_slices(iter(found[:-1]), type(whole).same_as)
    # No slice is larger than it has to be.
    assert all(part.height < TILE or (part.height - TILE) * part.width < pixels for part in found)


def test_slices_are_decoded_when_they_are_asked_for_and_name_their_damage(small_model_path, monkeypatch):
    monkeypatch.setattr(decoding, "PIXELS_AT_ONCE", 1)
    image = picture(4 * TILE, 2 * TILE)
    file = damage(nelloc.encode(image, model=small_model_path, tile=TILE), 5)
    options = nelloc.DecodeOptions(model=small_model_path, threads=1)
    with pytest.raises(NellocError, match="tile 5"):
        nelloc.decode(file, options=options)
    options = nelloc.DecodeOptions(model=small_model_path, threads=1, allow_damaged=True)
    decoded = []
    real = decoding._decode_tiles

    def recorded(work, advance, **options):
        decoded.extend(data for _, data in work)
        return real(work, advance, **options)

    monkeypatch.setattr(decoding, "_decode_tiles", recorded)
    counts, damaged = [], []
    for part in decoding.decode_slices(decoding.open_file(file, "x", options), "x", options):
        counts.append(len(decoded))
        damaged.append(part.damaged)
    assert counts == [2, 4, 5, 7]
    assert damaged == [(), (), (f"tile 5 ({Rectangle(2 * TILE, TILE, TILE, TILE)})",), ()]
