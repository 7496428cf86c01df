"""Golden files of pictures that were JPEGs decode for ever, by nelloc and by the independent decoder."""

from __future__ import annotations

import independent
import numpy as np
import pytest
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.codec import container
from nelloc.codec.format import Method
from nelloc.codec.past import core

needs_core = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
FOLDER = GOLDEN / "jpeg"
FILES = sorted(path.stem for path in FOLDER.glob("past-*.nlc"))


def pixels(name: str) -> np.ndarray:
    return np.asarray(Image.open(FOLDER / f"{name}.png"))


def test_there_are_golden_files_in_colour_in_gray_and_off_the_grid():
    assert set(FILES) >= {"past-420", "past-cut-444", "past-gray"}


@pytest.mark.parametrize("name", [*FILES, "levels-past"])
def test_a_golden_file_decodes_to_its_picture(name):
    data, image = (FOLDER / f"{name}.nlc").read_bytes(), pixels(name)
    assert {record.method for record in container.parse(data, name).records} == {Method.PAST}
    np.testing.assert_array_equal(nelloc.decode(data), image)
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    assert independent.decode(data, []).planes == [plane.ravel().tolist() for plane in planes]


@needs_core
@pytest.mark.parametrize("name", FILES)
def test_the_same_bytes_are_made_again(name):
    assert nelloc.encode(pixels(name), tile=64) == (FOLDER / f"{name}.nlc").read_bytes()
