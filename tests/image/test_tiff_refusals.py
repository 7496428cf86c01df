"""TIFF files whose samples are not kept: a sentence that says why, and never that they are damaged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tiff_files import tiff

from nelloc import image
from nelloc.errors import NellocError


def refusal(data: bytes) -> str:
    with pytest.raises(NellocError) as caught:
        image.read(data, "photo.tif")
    sentence = str(caught.value)
    assert sentence.startswith("photo.tif: ")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("bits", "photometric", "tags", "words"),
    [
        ((32,), 1, {}, "has samples of 32 bits"),
        ((5, 6, 5), 2, {}, "has samples of different depths (5, 6, 5 bits)"),
        ((4, 4, 4), 2, {}, "has samples of 4 bits"),
        ((8,), 4, {}, "has samples of a transparency mask"),
        ((16,), 32803, {}, "has samples of a colour filter array"),
        ((8, 8, 8), 9, {}, "has samples of ICC LAB"),
        ((8,) * 4, 5, {}, "is of mode CMYK; only"),
        ((16,) * 4, 5, {}, "is of mode CMYK; only"),
        ((8,) * 3, 6, {}, "has samples of YCbCr"),
        ((8,) * 3, 6, {530: (3, (4, 1)), 279: (4, (6,)), 273: (4, (1 << 20,))}, "has samples of YCbCr"),
        ((8,) * 2, 1, {338: (3, (0,))}, "has extra channels"),
        ((8,) * 2, 1, {}, "has extra channels"),
        ((16,) * 2, 1, {338: (3, (1,))}, "has colours multiplied by their alpha"),
        ((8,) * 5, 2, {338: (3, (2, 0))}, "has extra channels"),
        ((8,) * 2, 2, {}, "has 2 channels, too few"),
        ((12,), 0, {}, "whose 0 is white"),
        ((8,), 1, {32997: (4, (4,))}, "has samples of a volume; write each of its planes"),
        ((16,) * 3, 2, {32997: (4, (2,)), 259: (3, (8,))}, "has samples of a volume; write each of its planes"),
        ((8,), 1, {259: (3, (8,)), 317: (3, (3,))}, "has samples of 8 bits that are predicted by scheme 3, which"),
        ((16,), 1, {259: (3, (5,)), 317: (3, (34892,))}, "has samples of 16 bits that are predicted by scheme 34892"),
        ((4,), 1, {259: (3, (5,)), 317: (3, (2,))}, "has samples of 4 bits that are predicted by scheme 2, which"),
    ],
)  # fmt: skip
def test_samples_that_are_not_kept_are_named(bits, photometric, tags, words):
    data = tiff(bytes(4 * sum(bits)), tags, bits=bits, photometric=photometric)
    sentence = refusal(data)
    assert words in sentence
    assert "damaged" not in sentence


@pytest.mark.parametrize("options", [{"tile": (2, 16, 16)}, {"rowsperstrip": 9}])
def test_a_volume_that_tifffile_writes_is_refused_and_not_cut_to_its_first_plane(options, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    file = tmp_path / "volume.tif"
    tifffile.imwrite(file, np.ones((4, 9, 11), np.uint8), volumetric=True, photometric="minisblack", **options)
    assert "has samples of a volume" in refusal(file.read_bytes())
    with Image.open(file) as opened, pytest.raises(NellocError, match="has samples of a volume"):
        image.from_image(opened)


@pytest.mark.parametrize("kind", [{}, {"imagej": True}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_stack_with_one_directory_is_refused_and_not_cut_to_its_first_image(kind, dtype, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    file = tmp_path / "stack.tif"
    images = np.ones((7, 9, 11), dtype)
    tifffile.imwrite(file, images, photometric="minisblack", truncate=True, **kind)
    assert "has 7 frames; write each frame to a file of its own" in refusal(file.read_bytes())
    tifffile.imwrite(file, images[0], photometric="minisblack", **kind)
    np.testing.assert_array_equal(image.to_array(image.read(file.read_bytes(), "photo")), images[0])


def test_a_stack_of_metamorph_is_refused_and_an_image_that_was_cut_from_one_is_read():
    tags = {33629: (5, (0,) * 6)}
    assert "has 3 frames" in refusal(tiff(bytes(12), tags))
    # Programs that keep the first image only may leave the description of the stack.
    tags = {270: (2, b"ImageJ=1.53t\nimages=300\nslices=300\n\0")}
    assert image.read(tiff(bytes(4), tags), "photo").left_out == ()


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("tags", [
    {278: (3, (2,)), 273: (4, (8, 0)), 279: (4, (8, 0))},
    {278: (3, (2,)), 273: (4, (0, 8)), 279: (4, (0, 8))},
    {322: (3, (16,)), 323: (3, (16,)), 324: (4, (0,)), 325: (4, (0,))},
])  # fmt: skip
def test_the_header_is_not_taken_for_the_samples_of_a_sparse_file(tags, compression, tmp_path):
    data = tiff(bytes(range(16)), {**tags, 259: (3, (compression,))}, width=4, height=4)
    assert "leaves out some of its strips or tiles, as sparse files of GDAL do; " in refusal(data)
    if compression == 1:
        file = tmp_path / "sparse.tif"
        file.write_bytes(data)
        with Image.open(file) as opened, pytest.raises(NellocError, match="leaves out some of its strips"):
            image.from_image(opened)


@pytest.mark.parametrize("size", [200, 256, 0])
@pytest.mark.parametrize("planes", [1, 3])
def test_what_follows_a_tile_that_is_cut_off_is_not_read_as_its_samples(size, planes):
    places = [8 + 256 * number for number in range(planes)]
    tags = {322: (3, (16,)), 323: (3, (16,)), 324: (4, places), 325: (4, [256] * (planes - 1) + [size]), 284: (3, (2,))}
    side = {"width": 16, "height": 16, "bits": (8,) * planes, "photometric": 1 if planes == 1 else 2}
    data = tiff(bytes(256 * planes), tags, **side)
    if size == 200:
        assert "is damaged (its samples are cut off)" in refusal(data)
    else:
        assert image.read(data, "photo").width == 16
    tags[324] = (4, [*places[:-1], len(data) - 20])
    assert "is damaged (its samples are cut off)" in refusal(tiff(bytes(256 * planes), tags, **side))


def test_strips_without_rows_are_damage():
    assert "is damaged (its strips have no rows)" in refusal(tiff(bytes(4), {278: (3, (0,))}))
