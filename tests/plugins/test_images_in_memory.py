"""Images that Pillow opened keep the metadata of their files, or a warning says what is lost; pickled ones too."""

import copy
import io
import pickle
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest
from cli.running import environment
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import nelloc
from nelloc.codec.options import EncodeOptions
from nelloc.files.convert import compress_bytes
from nelloc.image.metadata import ItemType

nelloc.register()

FAST = {"model": "fast", "effort": 1, "learn": False}

CHUNKS = {
    b"cICP": b"\x09\x10\x00\x01",
    b"sBIT": b"\5\6\5",
    b"bKGD": bytes(6),
    b"tIME": b"\x07\xea\x01\x02\x03\x04\x05",
    b"mDCV": bytes(24),
    b"cLLI": bytes(8),
    b"prVt": b"private",
}


def chunk_file(image=None, *, late=False):
    """A PNG file with the chunks of CHUNKS, which Pillow does not read or does not tell."""
    chunks = [item for item in CHUNKS.items() if image is None or item[0] not in (b"sBIT", b"bKGD")]
    chunks.append((b"tEXt", b"Title\0a text"))
    image = image or Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    file = io.BytesIO()
    image.save(file, "PNG")
    data = file.getvalue()
    place = data.index(b"IEND" if late else b"IDAT" if b"PLTE" not in data else b"PLTE") - 4
    added = [
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    ]
    return data[:place] + b"".join(added) + data[place:]


def metadata(data):
    return Image.open(io.BytesIO(data)).metadata


def whole(data):
    """What nelloc.compress keeps of a file."""
    return metadata(compress_bytes(data, "a", EncodeOptions(**FAST, pixels=True), verify=True)[1])


def by_save(image):
    file = io.BytesIO()
    image.save(file, "NLC", **FAST)
    return file.getvalue()


def by_encode(image):
    return nelloc.encode(image, **FAST)


def gif_with_comments():
    file = io.BytesIO()
    Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10)).save(file, "GIF")
    data = file.getvalue()
    place = 13 + (3 << ((data[10] & 7) + 1))
    return data[:place] + b"!\xfe\3one\0!\xfe\3two\0" + data[place:]


def jpeg_with_comments():
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(file, "JPEG", comment=b"last", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    data = file.getvalue()
    return data[:2] + b"\xff\xfe\0\7first" + data[2:]


def tiff_with_tags():
    file = io.BytesIO()
    tags = {270: "a description", 315: "somebody", 65000: "private"}
    Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10)).save(file, "TIFF", tiffinfo=tags, dpi=(300, 150))
    return file.getvalue()


FILES = {
    "png": chunk_file(),
    "late.png": chunk_file(late=True),
    "gray.png": chunk_file(Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10))),
    "palette.png": chunk_file(Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10)).convert("P")),
    "gif": gif_with_comments(),
    "jpg": jpeg_with_comments(),
    "tif": tiff_with_tags(),
    "ppm": b"P6 # one\n# two\n2 2 255\n" + bytes(range(12)),
    "nlc": compress_bytes(chunk_file(), "a.png", EncodeOptions(**FAST), verify=True)[1],
}
each_file = pytest.mark.parametrize("name", FILES)


@cache
def expected(name):
    return metadata(FILES[name]) if name == "nlc" else whole(FILES[name])


@pytest.mark.parametrize("way", [by_save, by_encode])
@pytest.mark.parametrize("place", ["memory", "disk", "open file"])
@pytest.mark.parametrize("loaded", [False, True], ids=["before loading", "after loading"])
@each_file
def test_metadata_is_kept_as_by_compressing_the_file(tmp_path, name, loaded, place, way):
    path = tmp_path / f"a.{name}"
    path.write_bytes(FILES[name])
    with open(path, "rb") as file:
        image = Image.open({"memory": io.BytesIO(FILES[name]), "disk": path, "open file": file}[place])
        if loaded:
            image.load()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert metadata(way(image)) == expected(name)


WITHOUT_REGISTERING = """
import io, sys, warnings
from PIL import Image
import nelloc
name, place, loaded = sys.argv[1:]
image = Image.open(io.BytesIO(open(name, "rb").read()) if place == "memory" else name)
if loaded == "loaded":
    image.load()
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    data = nelloc.encode(image, effort=1)
open("out.nlc", "wb").write(data)
print(*(warning.message for warning in found))
"""


@pytest.mark.parametrize(("place", "loaded"), [("memory", ""), ("memory", "loaded"), ("disk", ""), ("disk", "loaded")])
@pytest.mark.parametrize("name", ["png", "gif", "ppm", "tif", "jpg"])
def test_without_registering_metadata_is_kept_or_a_warning_says_what_may_be_lost(tmp_path, name, place, loaded):
    (tmp_path / name).write_bytes(FILES[name])
    command = [sys.executable, "-c", WITHOUT_REGISTERING, name, place, loaded]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    kept = metadata((tmp_path / "out.nlc").read_bytes()) == expected(name)
    warned = "cannot be reached any more" in done.stdout and "nelloc.register()" in done.stdout
    assert kept != warned
    assert kept or (place, loaded) == ("memory", "loaded")


def test_a_file_that_was_replaced_lends_nothing(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(chunk_file(Image.new("RGB", (4, 4), "red")))
    image = Image.open(path)
    image.load()
    other = PngInfo()
    other.add_text("Title", "of another picture")
    Image.new("RGB", (4, 4), "red").save(path, pnginfo=other)
    with pytest.warns(UserWarning, match="PNG file that it was opened from cannot be reached"):
        found = metadata(by_encode(image))
    assert [text.text for text in found.texts] == ["a text"]


def test_what_a_file_has_that_is_not_kept_is_named():
    data = FILES["png"]
    place = data.index(b"IDAT") - 4
    suggested = b"\0\0\0\6PLTE" + bytes(6)
    suggested += zlib.crc32(suggested[4:]).to_bytes(4, "big")
    with pytest.warns(UserWarning, match="not kept: PNG chunk PLTE"):
        by_encode(Image.open(io.BytesIO(data[:place] + suggested + data[place:])))


COPIES = {
    "pickled": lambda image: pickle.loads(pickle.dumps(image)),
    "pickled, protocol 2": lambda image: pickle.loads(pickle.dumps(image, 2)),
    "copied deeply": copy.deepcopy,
}


@pytest.mark.parametrize("loaded", [False, True], ids=["before loading", "after loading"])
@pytest.mark.parametrize("way", COPIES)
@each_file
def test_copied_images_are_coded_with_all_their_metadata(tmp_path, name, way, loaded):
    path = tmp_path / f"a.{name}"
    path.write_bytes(FILES[name])
    image = Image.open(path)
    if loaded:
        image.load()
    again = COPIES[way](image)
    samples = np.asarray(again)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, np.asarray(Image.open(path)))
    for encode in (by_encode, by_save):
        data = encode(again)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), samples)
        assert metadata(data) == expected(name)


@pytest.mark.parametrize("way", COPIES)
@each_file
def test_copied_images_of_files_that_are_gone_are_coded_and_a_warning_says_so(name, way):
    image = COPIES[way](Image.open(io.BytesIO(FILES[name])))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        data = by_encode(image)
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(FILES[name])))
    )
    lost = metadata(data) != expected(name)
    assert name != "nlc" or not lost
    assert lost <= any("cannot be reached" in str(warning.message) for warning in found)
    if name.endswith("png"):
        assert [text.text for text in metadata(data).texts] == ["a text"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_an_opened_nlc_file_is_pickled_in_every_mode(mode):
    from plugins.test_pillow import picture

    image = picture(mode)
    if mode == "P":
        colours = np.random.default_rng(0).integers(0, 256, 40, np.uint8).tobytes()
        image.putpalette(colours, "RGBA")
    opened = Image.open(io.BytesIO(by_save(image)))
    saved = by_save(opened)
    for way in COPIES.values():
        again = way(opened)
        assert type(again) is type(opened)
        assert (again.mode, again.size, again.info, again.text) == (mode, image.size, opened.info, opened.text)
        assert again.tobytes() == image.tobytes()
        assert again.getpalette("RGBA" if mode == "P" else "RGB") == opened.getpalette("RGBA" if mode == "P" else "RGB")
        assert by_save(way(again)) == saved


def test_images_go_through_a_pool_of_processes(tmp_path):
    images = []
    for name in ("png", "tif", "nlc", "jpg"):
        (tmp_path / f"a.{name}").write_bytes(FILES[name])
        images.append(Image.open(tmp_path / f"a.{name}"))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(nelloc.encode, images))
    for name, data in zip(("png", "tif", "nlc", "jpg"), results, strict=True):
        assert metadata(data) == expected(name)


def test_a_changed_copy_keeps_its_changes(tmp_path):
    (tmp_path / "a.png").write_bytes(FILES["png"])
    image = Image.open(tmp_path / "a.png")
    image.info["Title"] = "changed"
    image.info["icc_profile"] = b"added"
    found = metadata(by_encode(pickle.loads(pickle.dumps(image))))
    assert [text.text for text in found.texts] == ["changed"]
    assert {item.data[:4] for item in found.items} >= set(CHUNKS)
    assert b"added" in {item.data for item in found.items}


@pytest.mark.parametrize("exif", [b"no structure of TIFF", b"II*\0"])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    "taken", [lambda image: image, lambda image: image.copy(), lambda image: image.crop((1, 1, 4, 3))]
)
def test_exif_that_cannot_be_parsed_is_kept_as_it_is(form, exif, taken):
    file = io.BytesIO()
    Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3)).save(file, form, exif=b"Exif\0\0" + exif)
    image = taken(Image.open(file))
    data = nelloc.encode(image, **FAST)
    assert np.array_equal(nelloc.decode(data), np.asarray(image))
    assert metadata(data).get(ItemType.EXIF) == exif


def test_the_first_of_several_images_of_a_jpeg_file_is_encoded_and_the_rest_named(tmp_path):
    path = tmp_path / "phone.jpg"
    shown = Image.fromarray(np.arange(3 * 16 * 24, dtype=np.uint8).reshape(16, 24, 3))
    shown.save(path, "MPO", save_all=True, append_images=[shown.resize((12, 8))])
    with Image.open(path) as image:
        with pytest.warns(UserWarning, match=r"not kept: data after the image, APP2 segment \(MPF\)"):
            data = nelloc.encode(image, **FAST)
        assert np.array_equal(nelloc.decode(data), np.asarray(image))
    with Image.open(path) as image:
        image.seek(1)
        with pytest.raises(nelloc.NellocError, match="has 2 frames"):
            nelloc.encode(image, **FAST)
