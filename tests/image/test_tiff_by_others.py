"""TIFF files whose samples Pillow loses: read by tifffile, and refused where Pillow has opened them."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from nelloc import image
from nelloc.errors import NellocError

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
RANDOM = np.random.default_rng(17)


@pytest.mark.parametrize("compression", [None, "zlib", "packbits"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(("photometric", "dtype"), [("minisblack", "u1"), ("minisblack", "u2"), ("miniswhite", "u1")])
def test_gray_with_alpha_is_read_apart_and_together_and_white_is_zero_turns_gray_alone(
    photometric, dtype, planar, compression
):
    samples = RANDOM.integers(0, 256, (37, 41, 2)).astype(dtype)
    out = io.BytesIO()
    tifffile.imwrite(
        out, samples if planar == "contig" else np.ascontiguousarray(samples.transpose(2, 0, 1)), metadata=None,
        photometric=photometric, planarconfig=planar, extrasamples=["unassalpha"], compression=compression,
    )  # fmt: skip
    expected = samples ^ np.array([255, 0], dtype) if photometric == "miniswhite" else samples
    np.testing.assert_array_equal(image.to_array(image.read(out.getvalue(), "photo")), expected)
    if dtype == "u1" and planar == "separate":
        with suppress(OSError), Image.open(out) as opened, pytest.raises(NellocError, match="gray and alpha apart"):
            image.from_image(opened)


@pytest.mark.parametrize("width", [8, 9])
def test_12_bit_jpeg_in_tiff_keeps_its_last_column(width):
    out = io.BytesIO()
    samples = (np.add.outer(np.arange(9) * 3, np.arange(width) * 20) + 99).astype(np.uint16)
    tifffile.imwrite(out, samples, bitspersample=12, compression="jpeg", photometric="minisblack", metadata=None)
    expected = tifffile.imread(io.BytesIO(out.getvalue()))
    found = image.read(out.getvalue(), "photo")
    np.testing.assert_array_equal(image.to_array(found), expected)
    assert found.metadata.depth == 12
    with Image.open(out) as opened:
        if width % 2:
            with pytest.raises(NellocError, match="of which Pillow loses a column; give the file itself"):
                image.from_image(opened)
        else:
            np.testing.assert_array_equal(image.to_array(image.from_image(opened)), expected)
