"""Promises of the public functions: what they refuse, and what they export."""

from __future__ import annotations

import dataclasses
import inspect
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nelloc
from nelloc import NellocError
from nelloc.cli.parameters import WORKERS
from nelloc.codec.options import MAX_WORKERS, DecodeKeywords, EncodeKeywords
from nelloc.files.batch.outcome import Converted

IMAGE = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
DATA = nelloc.encode(IMAGE)
CALLS = {
    "encode": lambda **keywords: nelloc.encode(IMAGE, **keywords),
    "encode_many": lambda **keywords: nelloc.encode_many([IMAGE], **keywords),
    "decode": lambda **keywords: nelloc.decode(DATA, **keywords),
    "decode_many": lambda **keywords: nelloc.decode_many([DATA], **keywords),
    "compress": lambda **keywords: nelloc.compress("a.png", **keywords),
    "decompress": lambda **keywords: nelloc.decompress("a.nlc", **keywords),
    "compress_folder": lambda **keywords: list(nelloc.compress_folder(["a.png"], **keywords)),
    "decompress_folder": lambda **keywords: list(nelloc.decompress_folder(["a.nlc"], **keywords)),
    "verify": lambda **keywords: nelloc.verify("a.nlc", **keywords),
}
ENCODING = ("encode", "encode_many", "compress", "compress_folder")


def kinds(name: str) -> tuple[type, type]:
    """The options that a function takes, and the others."""
    both = nelloc.EncodeOptions, nelloc.DecodeOptions
    return both if name in ENCODING else both[::-1]


@pytest.mark.parametrize("name", CALLS)
def test_unknown_keywords_are_refused(name):
    with pytest.raises(TypeError, match="unknown keyword tiel"):
        CALLS[name](tiel=3)


@pytest.mark.parametrize("name", CALLS)
def test_keywords_beside_options_are_refused(name):
    with pytest.raises(TypeError, match="options and threads, tiel were both given"):
        CALLS[name](options=kinds(name)[0](), threads=1, tiel=3)


@pytest.mark.parametrize("name", CALLS)
def test_options_of_the_other_direction_are_refused(name):
    right, wrong = kinds(name)
    with pytest.raises(TypeError, match=f"options must be {right.__name__}, not {wrong.__name__}"):
        CALLS[name](options=wrong())
    with pytest.raises(TypeError, match="unknown keyword"):
        CALLS[name](**{"region" if name in ENCODING else "effort": None})


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"tile": "256"}, "tile must be int, or None, not str"),
        ({"tile": True}, "tile must be int, or None, not bool"),
        ({"effort": None}, "effort must be int, not NoneType"),
        ({"effort": 5.0}, "effort must be int, not float"),
        ({"learn": 1}, "learn must be bool, not int"),
        ({"model": b"fast"}, "model must be str or Path, or None, not bytes"),
        ({"threads": 1.5}, "threads must be int, or None, not float"),
        ({"backend": 3}, "backend must be str, or None, not int"),
        ({"progress": print}, "progress must be Progress, not builtin_function_or_method"),
    ],
)
def test_options_of_the_wrong_type_are_named(keywords, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        nelloc.encode(IMAGE, **keywords)


@pytest.mark.parametrize(
    ("call", "argument", "message"),
    [
        (
            nelloc.encode_many,
            Image.new("L", (2, 2)),
            "images must be several, such as a list, not Image; nelloc.encode takes one",
        ),
        (nelloc.encode_many, None, "images must be several, such as a list, not NoneType; nelloc.encode takes one"),
        (nelloc.encode_many, "a.png", "images must be several, such as a list, not str; nelloc.encode takes one"),
        (nelloc.decode_many, b"NLC", "data must be several, such as a list, not bytes; nelloc.decode takes one file"),
    ],
)
def test_one_image_where_several_are_expected(call, argument, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        call(argument)


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("encode", {"verify": 0}, "verify must be bool, not int"),
        ("encode_many", {"verify": None}, "verify must be bool, not NoneType"),
        ("compress", {"force": "no"}, "force must be bool, not str"),
        ("compress", {"verify": 1}, "verify must be bool, not int"),
        ("compress", {"force": np.bool_(True)}, "force must be bool, not numpy.bool"),
        ("compress", {"target": b"a.nlc"}, "target must be str or Path, or None, not bytes"),
        ("decompress", {"target": 3}, "target must be str or Path, or None, not int"),
        ("decompress", {"force": "no"}, "force must be bool, not str"),
        ("compress_folder", {"jobs": "2"}, "jobs must be int, not str"),
        ("compress_folder", {"jobs": True}, "jobs must be int, not bool"),
        ("compress_folder", {"remove": "no"}, "remove must be bool, not str"),
        ("compress_folder", {"recursive": 1}, "recursive must be bool, not int"),
        ("compress_folder", {"verify": "yes"}, "verify must be bool, not str"),
        ("compress_folder", {"force": "no"}, "force must be bool, not str"),
        ("compress_folder", {"output": b"out"}, "output must be str or Path, or None, not bytes"),
        ("compress_folder", {"dask": 1}, "dask must be str, or None, not int"),
        ("decompress_folder", {"jobs": 1.5}, "jobs must be int, not float"),
        ("decompress_folder", {"remove": "no"}, "remove must be bool, not str"),
        ("decompress_folder", {"suffix": b".png"}, "suffix must be str, or None, not bytes"),
        ("decompress_folder", {"output": 3}, "output must be str or Path, or None, not int"),
    ],
)
def test_arguments_of_the_wrong_type_are_named_before_anything_is_done(name, keywords, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=f"^{message}$"):
        CALLS[name](**keywords)


@pytest.mark.parametrize("given", [b"a.png", None, 3])
def test_inputs_that_are_not_names_are_told(given):
    message = f"^source must be str or Path, not {type(given).__name__}$"
    for function in (nelloc.compress, nelloc.decompress, nelloc.verify, nelloc.info):
        with pytest.raises(TypeError, match=message):
            function(given)
    for function in (nelloc.compress_folder, nelloc.decompress_folder):
        for sources in (given, ["a.png", given]):
            with pytest.raises(TypeError, match=message):
                function(sources)


@pytest.mark.parametrize("count", [0, -1, MAX_WORKERS + 1])
def test_more_workers_than_a_machine_has_are_refused(count):
    with pytest.raises(NellocError, match=f"^{count} threads: choose 1 to {MAX_WORKERS}$"):
        nelloc.encode(IMAGE, threads=count)
    with pytest.raises(NellocError, match=f"^{count} jobs: choose 1 to {MAX_WORKERS}$"):
        nelloc.compress_folder("a.png", jobs=count)
    assert WORKERS.max == MAX_WORKERS


def test_a_region_of_the_wrong_type_is_named():
    with pytest.raises(TypeError, match=r"^region must be Rectangle, or None, not tuple$"):
        nelloc.decode(DATA, region=(0, 0, 2, 2))


@pytest.mark.parametrize(
    ("region", "error", "message"),
    [
        ((0, 0, 0, 2), nelloc.NellocError, "region 0,0,2,0: is empty; "),
        ((0, 0, 2, -1), nelloc.NellocError, "region 0,0,-1,2: is empty; "),
        ((0.5, 0, 2, 2), TypeError, "top of the region must be int, not float"),
        ((0, 0, 5, 2), nelloc.NellocError, "region 0,0,2,5 is not inside"),
    ],
)
def test_a_region_that_cannot_be_is_refused(region, error, message):
    with pytest.raises(error, match=message):
        nelloc.decode(DATA, region=nelloc.Rectangle(*region))


def test_a_region_of_narrow_integers_is_the_same_region():
    image = np.indices((300, 200))[0].astype(np.uint8)
    region = nelloc.Rectangle(*map(np.uint8, (200, 0, 100, 200)))  # 200 + 100 is 44 in uint8
    assert np.array_equal(nelloc.decode(nelloc.encode(image), region=region), image[200:])


def test_a_limit_below_one_pixel_is_refused():
    for call in (CALLS["encode"], CALLS["decode"]):
        with pytest.raises(NellocError, match=r"^limit of 0 pixels: choose at least 1$"):
            call(max_pixels=0)


def test_a_model_whose_name_has_a_zero_byte_is_not_found():
    with pytest.raises(NellocError, match="cannot be read"):
        nelloc.encode(IMAGE, model="a\0b")


def test_an_image_with_too_much_metadata_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("nelloc.image.metadata.MAX_ITEMS", 0)
    noted = Image.fromarray(IMAGE)
    noted.info["dpi"] = 100, 100
    with pytest.raises(NellocError, match=r"^image 1: has 1 pieces of metadata"):
        nelloc.encode_many([IMAGE, noted])
    noted.save(tmp_path / "a.png", dpi=(100, 100))
    with pytest.raises(NellocError, match=r"a\.png: has 1 pieces of metadata"):
        nelloc.compress(tmp_path / "a.png")


@pytest.mark.parametrize("where", [{}, {"output": "out", "jobs": 2}])
def test_a_folder_to_which_no_model_can_be_adapted_is_refused_before_outcomes_are_asked_for(tmp_path, where):
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    with pytest.raises(NellocError, match="needs an output folder, and one process"):
        nelloc.compress_folder(tmp_path, adapt=True, **where)


@pytest.mark.parametrize("image", ["a.png", Path("a.png"), b"bytes of a file", None])
def test_names_and_bytes_of_files_are_told_from_images(image):
    with pytest.raises(TypeError, match=f"not {type(image).__name__}; nelloc.compress takes the name"):
        nelloc.encode(image)


@pytest.mark.parametrize("data", ["a.nlc", Path("a.nlc"), None, io.BytesIO(DATA)])
def test_names_of_files_are_told_from_their_bytes(data):
    with pytest.raises(TypeError, match=f"not {type(data).__name__}; nelloc.decompress takes the name"):
        nelloc.decode(data)


@pytest.mark.parametrize("function", [nelloc.compress, nelloc.decompress, nelloc.verify, nelloc.info])
def test_a_folder_is_told_from_a_file(function, tmp_path):
    with pytest.raises(nelloc.NellocError, match="is a folder; give the name of a file"):
        function(tmp_path)


def test_a_run_over_folders_refuses_at_once_and_takes_one_name(tmp_path):
    with pytest.raises(nelloc.NellocError, match="tile size 3"):
        nelloc.compress_folder(str(tmp_path), tile=3)
    (tmp_path / "a.nlc").write_bytes(DATA)
    assert [type(outcome) for outcome in nelloc.decompress_folder(str(tmp_path))] == [Converted]


@pytest.mark.parametrize(
    ("options", "keywords"),
    [(nelloc.EncodeOptions, EncodeKeywords), (nelloc.DecodeOptions, DecodeKeywords)],
    ids=["encode", "decode"],
)
def test_the_keywords_that_editors_know_are_the_fields_of_the_options(options, keywords):
    assert {field.name for field in dataclasses.fields(options)} == set(keywords.__annotations__)


def test_a_file_is_described_and_verified(tmp_path):
    path = tmp_path / "a.nlc"
    path.write_bytes(DATA)
    found = nelloc.info(path)
    assert (found.width, found.height, found.kind, found.bytes) == (5, 4, "RGB", len(DATA))
    assert (nelloc.verify(path).width, nelloc.verify(path).height) == (5, 4)
    path.write_bytes(DATA[:5])
    for check in (nelloc.verify, nelloc.info):
        with pytest.raises(nelloc.NellocError, match=r"a\.nlc: "):
            check(path)


def test_folders_are_converted_both_ways(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.nlc").write_bytes(DATA)
    back = list(nelloc.decompress_folder([tmp_path / "in"], tmp_path / "images"))
    again = list(nelloc.compress_folder([tmp_path / "images"], tmp_path / "out"))
    assert [type(outcome) for outcome in (*back, *again)] == [Converted, Converted]
    assert (tmp_path / "out" / "a.nlc").read_bytes() == DATA


@pytest.mark.parametrize("order", ["<", ">"])
def test_samples_of_either_byte_order_are_the_same_image(order):
    samples = (np.arange(60).reshape(3, 20) * 1000).astype(f"{order}u2")
    data = nelloc.encode(samples)
    assert data == nelloc.encode(samples.astype(np.uint16))
    np.testing.assert_array_equal(nelloc.decode(data), samples)


def test_all_public_names_are_there_and_described():
    for name in nelloc.__all__:
        assert name in dir(nelloc)
        if not name.startswith("__"):
            assert inspect.getdoc(getattr(nelloc, name)), name


def test_images_and_files_may_come_from_a_generator():
    images = [np.full((4, 5), shade, np.uint8) for shade in (3, 200)]
    data = nelloc.encode_many(image for image in images)
    assert data == nelloc.encode_many(images)
    assert all(map(np.array_equal, nelloc.decode_many(item for item in data), images))


def test_the_sources_of_a_folder_may_come_from_a_generator(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("L", (4, 5), 9).save(tmp_path / name)
    outcomes = list(nelloc.compress_folder((tmp_path / name for name in ("a.png", "b.png")), tmp_path / "out"))
    assert [type(outcome).__name__ for outcome in outcomes] == ["Converted", "Converted"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.nlc", "b.nlc"]


@pytest.mark.parametrize("suffix", ["png", "", ".", "./png", ".tar/gz"])
def test_an_extension_without_its_dot_is_refused_at_once(tmp_path, suffix):
    with pytest.raises(NellocError, match=r"is not one; give it with its dot, such as \.png$"):
        nelloc.decompress_folder([tmp_path], tmp_path / "out", suffix=suffix)
