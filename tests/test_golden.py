"""Golden files decode for ever, by nelloc and by a decoder written from docs/FORMAT.md alone."""

import independent_decoder
import numpy as np
import pytest
from conftest import GOLDEN, small_model_bytes
from PIL import Image

import nelloc
from nelloc import library
from nelloc.codec import Options, encode_pixels
from nelloc.decoders import DECODERS
from nelloc.exact.differences import Adapted, encode_differences
from nelloc.exact.model import load_model
from nelloc.image import from_array

FILES = sorted(path.stem for path in GOLDEN.glob("*.nlc"))


# Files that hold what ``encode`` alone does not make: a model, and what is now coded as a constant.
OTHERWISE_CODED = ("embedded", "pixel")
MODELS = sorted(GOLDEN.glob("*.nlm"))


def model_of(name):
    """The model of a golden file: "NAME-photograph" is one of the golden model NAME, "shipped-NAME" of that shipped."""
    if name.startswith("shipped-"):
        return name.removeprefix("shipped-")
    own = GOLDEN / f"{name.rpartition('-')[0]}.nlm"
    return own if own in MODELS else GOLDEN / "model.nlm"


def pixels_of(name):
    return np.asarray(Image.open(GOLDEN / f"{name}.png"))


def test_there_are_golden_files_of_every_layout_kind_and_shipped_model():
    assert {"photograph", "gray", "pixel", "column"} <= set(FILES)
    assert {"model-gray-photograph", "model-raw-photograph", "model-raw-gray", "model-borders-photograph"} <= set(FILES)
    assert {"differences-photograph", "embedded"} <= set(FILES)
    assert {f"shipped-{name}" for name in library.shipped()} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_golden_file_decodes_to_its_pixels(name, decoder):
    data = (GOLDEN / f"{name}.nlc").read_bytes()
    assert np.array_equal(nelloc.decode(data, model=model_of(name), decoder=decoder), pixels_of(name))


@pytest.mark.parametrize("name", [name for name in FILES if name not in OTHERWISE_CODED])
def test_encoding_gives_the_golden_bytes(name):
    tile = 256 if name.startswith("shipped-") else 32
    data = nelloc.encode(pixels_of(name), model=model_of(name), tile=tile)
    assert data == (GOLDEN / f"{name}.nlc").read_bytes()


def test_differences_give_the_golden_bytes():
    base, model = (GOLDEN / "model.nlm").read_bytes(), small_model_bytes(seed=2)
    data = (GOLDEN / "differences.nlm").read_bytes()
    assert encode_differences(base, model) == data
    assert library.find(GOLDEN / "differences.nlm").sha256 == load_model(model).sha256
    adapted = {load_model(base).id: Adapted(load_model(model), data)}
    options = Options(model=GOLDEN / "model.nlm", tile=32)
    pixels = from_array(pixels_of("embedded"), "embedded")
    (encoded,) = encode_pixels([pixels], options, verify=True, adapted=adapted, embed=True)
    assert encoded.data == (GOLDEN / "embedded.nlc").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_the_independent_decoder_agrees(name):
    models = [*(path.read_bytes() for path in MODELS), *(path.read_bytes() for path in library.shipped().values())]
    data = (GOLDEN / f"{name}.nlc").read_bytes()
    width, height, planes, samples = independent_decoder.decode(data, models)
    image = pixels_of(name)
    assert (height, width) == image.shape[:2]
    assert planes == (1 if image.ndim == 2 else 3)
    expected = [image] if image.ndim == 2 else list(image.transpose(2, 0, 1))
    assert [bytes(plane) for plane in samples] == [plane.tobytes() for plane in expected]
