"""Pictures that were JPEGs, stored as such: files, corrections, regions, damage, and the second decoder."""

from __future__ import annotations

import contextlib
import io
import random

import numpy as np
import pytest
from independent import decode as decode_independently
from past_pictures import random_picture
from PIL import Image, ImageFilter

import nelloc
from nelloc.codec import container, plain_tiles
from nelloc.codec.format import Method, SectionType
from nelloc.codec.past import pixels as past_pixels
from nelloc.codec.past.coefficients import encode_coefficients
from nelloc.codec.past.decode import decode
from nelloc.codec.past.inversion import Inverted
from nelloc.codec.past.invert import invert
from nelloc.codec.past.tables import LUMA, Probe, likely, likely_by_parts, standard_table
from nelloc.codec.tiling import Rectangle
from nelloc.errors import NellocError
from nelloc.exact import native
from nelloc.files.info import info_of_bytes
from nelloc.varint import MalformedError, varint

pytestmark = pytest.mark.skipif(native.missing() is not None, reason="the compiled core is not built")


def photograph(seed: int, height: int = 120, width: int = 152) -> np.ndarray:
    """Something with edges, slopes and noise in it, in colour (H, W, 3), and nothing clipped."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = []
    for _ in range(3):
        waves = sum(
            rng.uniform(8, 20) * np.sin(x * rng.uniform(0.02, 0.2) + y * rng.uniform(0.02, 0.2) + rng.uniform(0, 6))
            for _ in range(4)
        )
        planes.append(120 + waves + 25 * ((x - 70) ** 2 + (y - 60) ** 2 < rng.uniform(300, 1500)))
    return np.clip(np.stack(planes, axis=2) + rng.normal(0, 4, (height, width, 1)), 20, 230).astype(np.uint8)


def through_jpeg(image: np.ndarray, quality: int, sampling: int = 0) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=sampling)
    return np.asarray(Image.open(file))


def methods(data: bytes) -> set[Method]:
    return {record.method for record in container.parse(data).records}


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [60, 85, 95])
def test_pixels_come_back_smaller_than_the_jpeg_file(quality, sampling):
    image = through_jpeg(photograph(1, 256, 320), quality, sampling)
    file = io.BytesIO()
    Image.fromarray(photograph(1, 256, 320)).save(file, "JPEG", quality=quality, subsampling=sampling)
    data = nelloc.encode(image)
    assert np.array_equal(nelloc.decode(data), image)
    assert methods(data) == {Method.PAST}
    assert len(data) < 0.9 * len(file.getvalue())
    found = info_of_bytes(data, "a.nlc").past
    assert found == f"pixels of a JPEG, quality about {quality}, {['4:4:4', '4:2:2', '4:2:0'][sampling]}"


def test_gray_and_alpha():
    gray = through_jpeg(photograph(2)[:, :, 0], 80)
    alpha = np.where(np.arange(152) < 70, 255, 3).astype(np.uint8) * np.ones((120, 1), np.uint8)
    colour = through_jpeg(photograph(3), 80)
    for image in (
        gray,
        np.dstack([gray, gray, gray]),
        np.dstack([gray, alpha]),
        np.dstack([colour, alpha]),
    ):
        data = nelloc.encode(image)
        assert np.array_equal(nelloc.decode(data), image)
        assert Method.PAST in methods(data)


def test_crops_and_edits():
    image = through_jpeg(photograph(4, 260, 330), 85, 2)
    plain = len(nelloc.encode(image[13:250, 22:300], past=False))
    cropped = nelloc.encode(image[13:250, 22:300])
    assert np.array_equal(nelloc.decode(cropped), image[13:250, 22:300])
    assert len(cropped) < 0.7 * plain
    assert (info_of_bytes(cropped, "a.nlc").past or "").endswith(", cropped or in a larger picture")
    edited = image.copy()
    edited[40:100, 60:150] = np.clip(edited[40:100, 60:150] * 1.2, 0, 255)
    edited[200:220, 20:90] = 255
    data = nelloc.encode(edited)
    assert np.array_equal(nelloc.decode(data), edited)
    assert len(data) < 0.7 * len(nelloc.encode(edited, past=False))


def test_a_table_is_found_where_the_busiest_blocks_were_edited():
    samples = through_jpeg(photograph(8, 256, 256)[..., 1], 90).astype(np.float32)
    samples[:160] = np.random.default_rng(8).integers(0, 256, (160, 256))
    probe = Probe(samples, np.ones((32, 32), bool))
    right = standard_table(LUMA, 90).tobytes()
    assert all(table.tobytes() != right for table in likely([probe], LUMA, 1, 1))
    assert any(table.tobytes() == right for table in likely_by_parts(probe, LUMA, 1, 1))


def test_a_half_that_was_a_jpeg_is_found():
    """The other half has colours of a JPEG too, and no sampling and no table is right for most blocks."""
    image = through_jpeg(
        np.asarray(Image.fromarray(photograph(8, 128, 256)).filter(ImageFilter.GaussianBlur(1.5))), 90, 2
    )
    image = np.concatenate([image[:, :128], np.asarray(Image.fromarray(image).rotate(3))[:, 128:]], axis=1)
    found = invert(np.ascontiguousarray(image.transpose(2, 0, 1)))
    assert found is not None
    luma, *chroma = found.image.components
    assert [(one.h, one.v) for one in (luma, *chroma)] == [(2, 2), (1, 1), (1, 1)]
    assert luma.quantisation.tobytes() == standard_table(LUMA, 90).tobytes()
    assert (found.pixels == image.transpose(2, 0, 1))[:, :, :112].all(axis=0).mean() > 0.9
    data = nelloc.encode(image)
    assert np.array_equal(nelloc.decode(data), image)
    assert len(data) < 0.9 * len(nelloc.encode(image, past=False))


def test_each_form_of_a_sheet_is_coded_once(monkeypatch):
    rng = np.random.default_rng(9)
    made = photograph(9).transpose(2, 0, 1)
    samples = made.copy()
    samples[:, 8:40, 8:40] += rng.integers(0, 3, (3, 32, 32), np.uint8)
    samples[:, 64:80, 64:80] = 120 * rng.integers(0, 3, (3, 16, 16))
    coded = []
    encode = plain_tiles.encode_many

    def spy(tiles, *rest, **core):
        coded.extend((tile[1].tobytes(), tile[3]) for tile in tiles)
        return encode(tiles, *rest, **core)

    monkeypatch.setattr(plain_tiles, "encode_many", spy)
    data = past_pixels.encode_corrections(samples, made, core=True)
    assert np.array_equal(past_pixels.decode_corrections(data, made), samples)
    assert len(coded) > 6
    assert len(set(coded)) == len(coded)


def test_regions():
    image = through_jpeg(photograph(5, 200, 300), 90, 1)
    data = nelloc.encode(image, tile=64)
    region = Rectangle(37, 90, 101, 140)
    assert np.array_equal(nelloc.decode(data, region=region), image[37:138, 90:230])


def test_pictures_without_such_a_past_are_what_they_were():
    for image in (photograph(6), photograph(7)[:, :, 0], through_jpeg(photograph(8), 75)[::2, ::2]):
        assert nelloc.encode(image) == nelloc.encode(image, past=False)


@pytest.mark.parametrize("seed", range(6))
def test_independent_decoder(seed):
    """Any coefficients, and tiles with corrections of both kinds."""
    rng = np.random.default_rng(seed)
    image = random_picture(seed + 40, 40)
    made = decode(image)
    top, left = min(seed, image.height - 1), min(2 * seed, image.width - 1)
    made = made[:, top:, left:]
    samples = made.copy()
    for _ in range(seed):
        y, x = rng.integers(made.shape[1]), rng.integers(made.shape[2])
        samples[:, y, x] += 1
        samples[:, y // 2 : y // 2 + 5, x // 2 : x // 2 + 5] = rng.integers(0, 256)
    section = past_pixels.pack_section(Inverted(image, top, left, made))
    records = []
    for part in container_tiles(*samples.shape[1:], 16):
        own = samples[:, part.rows, part.columns]
        corrections = past_pixels.encode_corrections(own, made[:, part.rows, part.columns], core=True)
        records.append(container.TileRecord(Method.PAST, corrections))
    kind = container.Kind.RGB if len(samples) == 3 else container.Kind.GRAY
    file = container.Container(
        kind,
        samples.shape[2],
        samples.shape[1],
        16,
        bytes(4),
        tuple(records),
        (container.Section(SectionType.PAST, section),),
    )
    data = container.pack(file)
    expected = samples[0] if len(samples) == 1 else samples.transpose(1, 2, 0)
    assert np.array_equal(nelloc.decode(data), expected)
    found = decode_independently(data, [])
    assert [list(plane.ravel()) for plane in samples] == found.planes


def container_tiles(height: int, width: int, tile: int):
    from nelloc.codec.tiling import tiles

    return tiles(height, width, tile)


def test_corrections_of_any_bytes_are_refused_or_decoded():
    made = np.zeros((3, 20, 20), np.uint8)
    samples = made.copy()
    samples[:, 3:17, 9:] = 7
    good = past_pixels.encode_corrections(samples, made, core=True)
    assert np.array_equal(past_pixels.decode_corrections(good, made), samples)
    rng = random.Random(0)
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        bad = bad[: rng.randint(0, len(bad))]
        with contextlib.suppress(MalformedError):
            assert past_pixels.decode_corrections(bytes(bad), made).shape == made.shape


def test_sections_of_other_sizes_cost_nothing():
    """A few bytes that announce a large picture are refused before it is made."""
    image = random_picture(3, 40)
    body = encode_coefficients(image)
    for head in (varint(64) + varint(0), varint(0) + varint(64)):
        with pytest.raises(MalformedError):
            past_pixels.parse_section(head + body, 3, image.height, image.width)
    with pytest.raises(MalformedError):
        past_pixels.parse_section(bytes(2) + varint(65535) + varint(65535) + body[2:], 3, image.height, image.width)
    with pytest.raises((MalformedError, NellocError)):
        past_pixels.parse_section(bytes(2) + body[:-1], 3, image.height, image.width)


def test_records_of_a_past_that_the_file_does_not_have_are_refused():
    file = container.Container(container.Kind.GRAY, 300, 20, 512, bytes(4), (container.TileRecord(Method.PAST, b""),))
    with pytest.raises(NellocError, match="does not hold"):
        nelloc.decode(container.pack(file))
