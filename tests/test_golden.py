"""Golden files decode for ever, by nelloc and by a decoder written from docs/FORMAT.md alone."""

import hashlib
import importlib
import shutil

import independent
import numpy as np
import pytest
from materials import GOLDEN, TWO_LAYERS, encode_by, small_model_bytes

import nelloc
from nelloc.codec import container, plain_tiles
from nelloc.codec.adaptive import stream as record
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.decode import decode_files
from nelloc.codec.encode import encode_pixels
from nelloc.codec.format import JOINED_KINDS, Method, SectionType
from nelloc.codec.options import DecodeOptions, EncodeOptions
from nelloc.codec.tiling import tiles
from nelloc.exact import model_store
from nelloc.exact.decoders import DECODERS
from nelloc.exact.lattice import CONVERSIONS
from nelloc.exact.model import load_model
from nelloc.exact.model_delta import Adapted, encode_differences
from nelloc.image import from_array, metadata, read, to_array
from nelloc.image.kinds import Kind

FILES = sorted(path.stem for path in GOLDEN.glob("*.nlc"))


# Files that hold models.
OTHERWISE_CODED = ("embedded", "whole-model")
MODELS = sorted(GOLDEN.glob("*.nlm"))


@pytest.fixture(autouse=True)
def golden_models_are_installed(monkeypatch):
    """The base of differences.nlm is found."""
    monkeypatch.setenv("NELLOC_MODELS", str(GOLDEN))


def model_of(name):
    """The model of a golden file: "NAME-photograph" is one of the golden model NAME, "shipped-NAME" of that shipped,
    "learning-NAME" of either, "small-NAME" of a shipped one, "lattice-RULE" of the first or a shipped one,
    "two-layers-NAME" as TWO_LAYERS has it.
    """
    if name.startswith("shipped-"):
        return name.removeprefix("shipped-")
    if name.startswith("small-"):
        return name.removeprefix("small-").replace("adaptive", "default")
    if name == "whole-model":
        return GOLDEN / "model-gray.nlm"
    if name.startswith("lattice-"):
        return "default" if name == "lattice-photo-cd" else GOLDEN / "model.nlm"
    if name.startswith("learning-"):
        name = name.removeprefix("learning-")
        if name in model_store.shipped():
            return name
        return GOLDEN / (f"{name}.nlm" if name.startswith("model-") else "model.nlm")
    if name in TWO_LAYERS:
        own = TWO_LAYERS[name][0]
        return own if own in model_store.shipped() else GOLDEN / f"{own}.nlm"
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
    assert {f"lattice-{rule.name.lower().replace('_', '-')}" for rule in CONVERSIONS} <= set(FILES)
    assert {"small-default", "small-fast-gray", "small-adaptive"} <= set(FILES)
    layouts = {(GOLDEN / f"{name}.nlc").read_bytes()[4] for name in FILES}
    assert layouts == {16, 17}


def changes(folder):
    """Names of files in a folder that are changed, missing, or not listed in its SHA256SUMS.

    A release keeps its list as SHA256SUMS-VERSION (`scripts/make_golden.py --release`): what is in it never changes.
    """
    current = (folder / "SHA256SUMS").read_text().splitlines()
    released = [line for path in folder.glob("SHA256SUMS-*") for line in path.read_text().splitlines()]
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    found = {
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}"
        for name, path in files.items()
        if not name.startswith("SHA256SUMS")
    }
    return sorted({line.split("  ")[1] for line in found.symmetric_difference(current) | (set(released) - found)})


def test_no_golden_file_changes():
    assert changes(GOLDEN) == []


@pytest.mark.parametrize("change", ["changed", "missing", "not listed"])
def test_a_golden_file_that_is_changed_missing_or_not_listed_is_found(tmp_path, change):
    folder = tmp_path / "golden"
    shutil.copytree(GOLDEN, folder)
    assert changes(folder) == []
    if change == "changed":
        data = bytearray((folder / "jpeg" / "past-420.nlc").read_bytes())
        data[-1] ^= 1
        (folder / "jpeg" / "past-420.nlc").write_bytes(data)
    elif change == "missing":
        (folder / "jpeg" / "past-420.nlc").unlink()
    else:
        (folder / "jpeg" / "another.nlc").write_bytes(b"")
    assert changes(folder) == ["jpeg/another.nlc" if change == "not listed" else "jpeg/past-420.nlc"]


def test_what_was_released_does_not_change_with_its_list(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(GOLDEN.parents[1] / "scripts")
    make_golden = importlib.import_module("make_golden")
    folder = tmp_path / "golden"
    shutil.copytree(GOLDEN, folder)
    released = make_golden.release(folder, "1.98.7")
    assert (released.name, changes(folder)) == ("SHA256SUMS-1.98.7", [])
    (folder / "pixel.nlc").write_bytes(b"")
    (folder / "added.nlc").write_bytes(b"")
    make_golden.list_files(folder)
    assert changes(folder) == ["pixel.nlc"]
    with pytest.raises(FileExistsError):
        make_golden.release(folder, "1.98.7")


def test_the_first_release_has_frozen_files_of_every_kind_and_method():
    names = [line.split("  ")[1] for line in (GOLDEN / "SHA256SUMS-1.0.0").read_text().splitlines()]
    files = [container.parse((GOLDEN / name).read_bytes(), name) for name in names if name.endswith(".nlc")]
    assert {file.kind for file in files} == set(Kind)
    assert {one.method for file in files for one in file.records} == set(Method)


ADAPTIVE = [name for name in FILES if name.startswith("adaptive-")]
KINDS = [name for name in FILES if name.startswith("kind-")]
LEARNING = [name for name in FILES if name.startswith(("learning-", "lattice-", "two-layers-"))]
LEVELS = [name for name in FILES if name.startswith("levels-")]
WHOLE = [name for name in FILES if name.startswith(("deflate-", "joined-", "rows-", "steady-"))]


def test_there_are_golden_files_of_every_kind_method_and_section():
    every = list(GOLDEN.rglob("*.nlc"))
    files = [container.parse(path.read_bytes(), path.name) for path in every]
    assert {file.kind for file in files} == set(Kind)
    assert {file.kind for file in files if file.joined} == set(JOINED_KINDS)
    assert {one.method for file in files for one in file.records} == set(Method)
    sections = {section.type for file in files for section in file.sections}
    assert sections == set(SectionType)


@pytest.mark.parametrize("name", KINDS)
def test_a_golden_file_of_a_kind_decodes_to_all_that_was_in_the_image(name):
    file = container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name)
    (back,) = decode_files([file], [name], DecodeOptions(model=GOLDEN / "model.nlm"))
    assert back.same_as(image_of(name))


@pytest.mark.parametrize("name", ["kind-la", "kind-gray16", "kind-rgb16", "kind-rgba16"])
def test_encoding_a_kind_gives_the_golden_bytes(name):
    # Not those with sections or deflated records: the bytes of these are zlib's.
    options = EncodeOptions(model=GOLDEN / "model.nlm", tile=32, learn=False, lattice=False, past=False, embed=False)
    (encoded,) = encode_pixels([image_of(name)], options, verify=False)
    assert encoded.data == (GOLDEN / f"{name}.nlc").read_bytes()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_golden_file_decodes_to_its_pixels(name, decoder):
    data = (GOLDEN / f"{name}.nlc").read_bytes()
    assert np.array_equal(nelloc.decode(data, model=model_of(name), decoder=decoder), pixels_of(name))


@pytest.mark.parametrize(
    "name", [name for name in FILES if name not in (*OTHERWISE_CODED, *KINDS, *ADAPTIVE, *WHOLE, *TWO_LAYERS, *LEVELS)]
)
def test_encoding_gives_the_golden_bytes(name):
    tile = 256 if name.startswith("shipped-") else 32
    learns = name.startswith(("learning-", "small-", "lattice-")) and name not in ("lattice-webp", "lattice-avif")
    lattice = name.startswith("lattice-")
    data = nelloc.encode(pixels_of(name), model=model_of(name), tile=tile, learn=learns, lattice=lattice, embed=False)
    assert data == (GOLDEN / f"{name}.nlc").read_bytes()


@pytest.mark.parametrize("name", TWO_LAYERS)
def test_learning_in_two_layers_gives_the_golden_bytes(name):
    data = encode_by(TWO_LAYERS[name][1], pixels_of(name), model=model_of(name), tile=32)
    assert data == (GOLDEN / f"{name}.nlc").read_bytes()


@pytest.mark.parametrize("name", ADAPTIVE)
def test_the_adaptive_coder_gives_the_golden_bytes(name):
    image = image_of(name)
    file = container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name)
    for tile, coded in zip(tiles(file.height, file.width, file.tile), file.records, strict=True):
        if coded.method is Method.ADAPTIVE:
            samples = np.ascontiguousarray(image.planes[:, tile.rows, tile.columns])
            order, form = divmod(coded.data[0], 8)
            assert (
                record.encode(samples, file.kind.groups[0].bits, record.AdaptiveSetting(Form(form), order))
                == coded.data
            )


@pytest.mark.parametrize("name", WHOLE)
def test_one_tile_of_all_planes_gives_the_golden_bytes(name):
    file = container.parse((GOLDEN / f"{name}.nlc").read_bytes(), name)
    assert file.joined == (file.kind in (Kind.LA, Kind.RGBA))
    (coded,), samples = file.records, np.concatenate(image_of(name).groups)
    if coded.method is Method.ADAPTIVE:
        order, form = divmod(coded.data[0], 8)
        assert record.encode(samples, 8, record.AdaptiveSetting(Form(form), order)) == coded.data
    else:  # the bytes are liblzma's, or zlib's
        assert np.array_equal(plain_tiles.decode(coded.method, coded.data, samples.shape, 8), samples)


def test_differences_give_the_golden_bytes():
    base, model = (GOLDEN / "model.nlm").read_bytes(), small_model_bytes(seed=2)
    data = (GOLDEN / "differences.nlm").read_bytes()
    assert encode_differences(base, model) == data
    assert model_store.find(GOLDEN / "differences.nlm").sha256 == load_model(model).sha256
    adapted = {load_model(base).id: Adapted(load_model(model), data)}
    options = EncodeOptions(model=GOLDEN / "model.nlm", tile=32, learn=False, lattice=False, past=False, embed=False)
    pixels = from_array(pixels_of("embedded"), "embedded")
    (encoded,) = encode_pixels([pixels], options, verify=True, adapted=adapted, embed=True)
    assert encoded.data == (GOLDEN / "embedded.nlc").read_bytes()


def test_a_file_with_a_whole_model_gives_the_golden_bytes_and_needs_no_other(monkeypatch):
    monkeypatch.undo()  # files of other tests do not hold their models, and find them
    model, data = GOLDEN / "model-gray.nlm", (GOLDEN / "whole-model.nlc").read_bytes()
    pixels = pixels_of("whole-model")
    assert nelloc.encode(pixels, model=model, tile=32, learn=False, lattice=False, past=False) == data
    (section,) = container.parse(data).sections
    assert (section.type, section.data) == (SectionType.MODEL, model.read_bytes())
    assert np.array_equal(nelloc.decode(data), pixels)


@pytest.mark.parametrize("name", FILES)
def test_the_independent_decoder_agrees(name):
    models = [*(path.read_bytes() for path in MODELS), *(path.read_bytes() for path in model_store.shipped().values())]
    data = (GOLDEN / f"{name}.nlc").read_bytes()
    decoded, image = independent.decode(data, models), image_of(name)
    assert (decoded.kind, decoded.width, decoded.height) == (image.kind, image.width, image.height)
    assert decoded.planes == [plane.ravel().tolist() for group in image.groups for plane in group]


def test_the_independent_decoder_reads_what_the_sections_say():
    data = (GOLDEN / "kind-metadata.nlc").read_bytes()
    sections = independent.decode(data, [(GOLDEN / "model.nlm").read_bytes()]).sections
    assert metadata.parse(sections[1]) == image_of("kind-metadata").metadata
    data = (GOLDEN / "kind-palette.nlc").read_bytes()
    palette = image_of("kind-palette").palette
    table = palette.transparency
    assert independent.decode(data, []).sections[0x84] == bytes([2 << 1, len(table)]) + table + palette.colours
