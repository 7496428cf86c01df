"""Golden files decode for ever, by nelloc and by a decoder written from docs/FORMAT.md alone."""

import hashlib

import independent_decoder
import numpy as np
import pytest
from materials import GOLDEN, small_model_bytes

import nelloc
from nelloc.codec import container, plain_tiles
from nelloc.codec.adaptive import stream as record
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import Method
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.tiling import tiles
from nelloc.exact import model_store
from nelloc.exact.decoders import DECODERS
from nelloc.exact.lattice import Rule
from nelloc.exact.model import load_model
from nelloc.exact.model_delta import Adapted, encode_differences
from nelloc.image import from_array, metadata, read, to_array
from nelloc.image.kinds import Kind

FILES = sorted(path.stem for path in GOLDEN.glob("*.nlc"))


# A file that holds what ``encode`` alone does not make: differences of models.
OTHERWISE_CODED = ("embedded",)
MODELS = sorted(GOLDEN.glob("*.nlm"))


def model_of(name):
    """The model of a golden file: "NAME-photograph" is one of the golden model NAME, "shipped-NAME" of that shipped,
    "learning-NAME" of either, "small-NAME" of a shipped one, "lattice-RULE" of the first or a shipped one."""
    if name.startswith("shipped-"):
        return name.removeprefix("shipped-")
    if name.startswith("small-"):
        return name.removeprefix("small-").replace("adaptive", "default")
    if name.startswith("lattice-"):
        return "default" if name == "lattice-photo-cd" else GOLDEN / "model.nlm"
    if name.startswith("learning-"):
        name = name.removeprefix("learning-")
        if name in model_store.shipped():
            return name
        return GOLDEN / (f"{name}.nlm" if name.startswith("model-") else "model.nlm")
    own = GOLDEN / f"{name.rpartition('-')[0]}.nlm"
    return own if own in MODELS else GOLDEN / "model.nlm"


def image_of(name):
    return read((GOLDEN / f"{name}.png").read_bytes(), name)


def pixels_of(name):
    return to_array(image_of(name))


def test_there_are_golden_files_of_every_layout_kind_and_shipped_model():
    assert {"photograph", "gray", "pixel", "column"} <= set(FILES)
    assert {"model-gray-photograph", "model-raw-photograph", "model-raw-gray", "model-borders-photograph"} <= set(FILES)
    assert {"differences-photograph", "embedded"} <= set(FILES)
    assert {f"shipped-{name}" for name in model_store.shipped()} <= set(FILES)
    assert {f"lattice-{rule.name.lower().replace('_', '-')}" for rule in Rule} <= set(FILES)
    assert {"small-default", "small-fast-gray", "small-adaptive"} <= set(FILES)
    layouts = {(GOLDEN / f"{name}.nlc").read_bytes()[4] for name in FILES}
    assert layouts == {16, 17}


def test_no_golden_file_changes():
    """SHA256SUMS is committed: it names every file, and changes only when files are added."""
    sums = dict(line.split("  ")[::-1] for line in (GOLDEN / "SHA256SUMS").read_text().splitlines())
    names = {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.rglob("*") if path.is_file()}
    assert names == {*sums, "SHA256SUMS"}
    assert sums == {name: hashlib.sha256((GOLDEN / name).read_bytes()).hexdigest() for name in sums}


ADAPTIVE = [name for name in FILES if name.startswith("adaptive-")]
KINDS = [name for name in FILES if name.startswith("kind-")]
LEARNING = [name for name in FILES if name.startswith(("learning-", "lattice-"))]
WHOLE = [name for name in FILES if name.startswith(("deflate-", "joined-", "rows-", "steady-"))]


def test_there_are_golden_files_of_every_kind_and_method():
    files = [container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name) for name in KINDS]
    assert {file.kind for file in files} | {Kind.GRAY} == set(Kind)
    files += [container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name) for name in (*ADAPTIVE, *WHOLE, *LEARNING)]
    assert {record.method for file in files for record in file.records} == set(Method) - {
        Method.COEFFICIENTS,
        Method.PAST,
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_golden_file_of_a_kind_decodes_to_all_that_was_in_the_image(name):
    file = container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name)
    (back,) = decode_files([file], [name], DecodeOptions(model=GOLDEN / "model.nlm"))
    assert back.same_as(image_of(name))


@pytest.mark.parametrize("name", ["kind-la", "kind-gray16", "kind-rgb16", "kind-rgba16"])
def test_encoding_a_kind_gives_the_golden_bytes(name):
    # Not those with sections or deflated records: the bytes of these are zlib's.
    options = EncodeOptions(model=GOLDEN / "model.nlm", tile=32, learn=False, lattice=False, past=False)
    (encoded,) = encode_pixels([image_of(name)], options, verify=False)
    assert encoded.data == (GOLDEN / f"{name}.nlc").read_bytes()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_golden_file_decodes_to_its_pixels(name, decoder):
    data = (GOLDEN / f"{name}.nlc").read_bytes()
    assert np.array_equal(nelloc.decode(data, model=model_of(name), decoder=decoder), pixels_of(name))


@pytest.mark.parametrize("name", [name for name in FILES if name not in (*OTHERWISE_CODED, *KINDS, *ADAPTIVE, *WHOLE)])
def test_encoding_gives_the_golden_bytes(name):
    tile = 256 if name.startswith("shipped-") else 32
    learns = name.startswith(("learning-", "small-", "lattice-")) and name not in ("lattice-webp", "lattice-avif")
    lattice = name.startswith("lattice-")
    data = nelloc.encode(pixels_of(name), model=model_of(name), tile=tile, learn=learns, lattice=lattice)
    assert data == (GOLDEN / f"{name}.nlc").read_bytes()


@pytest.mark.parametrize("name", ADAPTIVE)
def test_the_adaptive_coder_gives_the_golden_bytes(name):
    image = image_of(name)
    file = container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name)
    for tile, coded in zip(tiles(file.height, file.width, file.tile), file.records, strict=True):
        if coded.method is Method.ADAPTIVE:
            samples = np.ascontiguousarray(image.planes[:, tile.rows, tile.columns])
            order, form = divmod(coded.data[0], 8)
            assert record.encode(samples, file.kind.groups[0].bits, record.Way(Form(form), order)) == coded.data


@pytest.mark.parametrize("name", WHOLE)
def test_one_tile_of_all_planes_gives_the_golden_bytes(name):
    file = container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name)
    assert file.joined == (file.kind in (Kind.LA, Kind.RGBA))
    (coded,), samples = file.records, np.concatenate(image_of(name).groups)
    if coded.method is Method.ADAPTIVE:
        order, form = divmod(coded.data[0], 8)
        assert record.encode(samples, 8, record.Way(Form(form), order)) == coded.data
    else:  # the bytes are liblzma's, or zlib's
        assert np.array_equal(plain_tiles.decode(coded.method, coded.data, samples.shape, 8), samples)


def test_differences_give_the_golden_bytes():
    base, model = (GOLDEN / "model.nlm").read_bytes(), small_model_bytes(seed=2)
    data = (GOLDEN / "differences.nlm").read_bytes()
    assert encode_differences(base, model) == data
    assert model_store.find(GOLDEN / "differences.nlm").sha256 == load_model(model).sha256
    adapted = {load_model(base).id: Adapted(load_model(model), data)}
    options = EncodeOptions(model=GOLDEN / "model.nlm", tile=32, learn=False, lattice=False, past=False)
    pixels = from_array(pixels_of("embedded"), "embedded")
    (encoded,) = encode_pixels([pixels], options, verify=True, adapted=adapted, embed=True)
    assert encoded.data == (GOLDEN / "embedded.nlc").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_the_independent_decoder_agrees(name):
    models = [*(path.read_bytes() for path in MODELS), *(path.read_bytes() for path in model_store.shipped().values())]
    data = (GOLDEN / f"{name}.nlc").read_bytes()
    decoded, image = independent_decoder.decode(data, models), image_of(name)
    assert (decoded.kind, decoded.width, decoded.height) == (image.kind, image.width, image.height)
    assert decoded.planes == [plane.ravel().tolist() for group in image.groups for plane in group]


def test_the_independent_decoder_reads_what_the_sections_say():
    data = (GOLDEN / "kind-metadata.nlc").read_bytes()
    sections = independent_decoder.decode(data, [(GOLDEN / "model.nlm").read_bytes()]).sections
    assert metadata.parse(sections[1]) == image_of("kind-metadata").metadata
    data = (GOLDEN / "kind-palette.nlc").read_bytes()
    palette = image_of("kind-palette").palette
    table = palette.transparency
    assert independent_decoder.decode(data, []).sections[0x84] == bytes([2 << 1, len(table)]) + table + palette.colours
