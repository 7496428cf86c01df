"""Pillow opens and saves .nlc files."""

import doctest
import io

import numpy as np
import pytest
from PIL import Image

import nelloc
import nelloc.plugins.pillow
from nelloc import NellocError
from nelloc.codec import decode as decoding
from nelloc.codec import search
from nelloc.codec.format import Method

nelloc.register()


def picture(mode, size=(21, 13)):
    """A random Pillow image."""
    random = np.random.default_rng(3)
    width, height = size
    if mode == "P":
        image = Image.fromarray(random.integers(0, 9, (height, width), np.uint8)).convert("P")
        image.putpalette(random.integers(0, 256, 27, np.uint8).tobytes())
        image.info["transparency"] = 4
        return image
    if mode == "1":
        return Image.fromarray(random.integers(0, 2, (height, width)) > 0)
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 1 << 16, (height, width), np.uint16))
    channels = len(mode)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Image.fromarray(random.integers(90, 120, shape, np.uint8), mode)


def saved(image, **keywords):
    file = io.BytesIO()
    image.save(file, "NLC", **keywords)
    return file


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_an_image_of_every_mode_comes_back(mode, small_model_path):
    image = picture(mode)
    back = Image.open(saved(image, model=small_model_path))
    assert (back.mode, back.size, back.format) == (mode, image.size, "NLC")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NELLOC_MODELS", str(small_model_path.parent))
        assert back.tobytes() == image.tobytes()
    if mode == "P":
        assert back.getpalette() == image.getpalette()
        assert back.info["transparency"] == 4


def test_opening_reads_the_head_only(tmp_path, monkeypatch):
    path = tmp_path / "a.nlc"
    picture("RGB", (400, 300)).save(path)
    monkeypatch.setattr(decoding, "decode_files", lambda *_, **__: pytest.fail("decoded"))
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("RGB", (400, 300))
    head = path.read_bytes()[:40]
    assert Image.open(io.BytesIO(head)).size == (400, 300)


def test_metadata_is_there_before_the_pixels_and_survives():
    image = picture("RGB")
    exif = Image.Exif()
    exif[0x010E] = "a test"
    file = saved(image, exif=exif, icc_profile=b"profile " * 20, dpi=(300, 150), xmp=b"<x/>")
    back = Image.open(file)
    assert back.info["icc_profile"] == b"profile " * 20
    assert back.info["xmp"] == b"<x/>"
    assert back.info["dpi"] == (300, 150)
    assert back.getexif()[0x010E] == "a test"
    again = Image.open(saved(back))
    assert again.info == back.info
    assert saved(back).getvalue() == file.getvalue()


def test_text_of_a_png_survives(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Title", "a test")
    picture("L").save(tmp_path / "a.png", pnginfo=info)
    with Image.open(tmp_path / "a.png") as image:
        file = saved(image)
    assert Image.open(file).info["Title"] == "a test"
    assert Image.open(file).text == {"Title": "a test"}


def test_much_metadata_is_read_whole():
    profile = np.random.default_rng(0).bytes(200_000)
    assert Image.open(saved(picture("L"), icc_profile=profile)).info["icc_profile"] == profile


def test_pillows_own_limit_holds(monkeypatch):
    file = saved(picture("L", (64, 64)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 // 4)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(file)


def test_a_damaged_file_gives_no_pixels():
    data = bytearray(saved(picture("RGB")).getvalue())
    data[-3] ^= 1
    image = Image.open(io.BytesIO(bytes(data)))
    with pytest.raises(NellocError, match="damaged"):
        image.load()
    with pytest.raises(NellocError, match="ends too early"):
        Image.open(io.BytesIO(bytes(data[:8])))


def test_verify_finds_damage_that_opening_does_not_see(tmp_path):
    whole = saved(picture("RGB")).getvalue()
    kept = io.BytesIO()
    picture("RGB", (80, 60)).save(kept, "JPEG")
    (tmp_path / "a.jpg").write_bytes(kept.getvalue())
    nelloc.compress(tmp_path / "a.jpg")
    for data in (whole, (tmp_path / "a.nlc").read_bytes()):
        Image.open(io.BytesIO(data)).verify()
        for damaged in (data[:-1], data[:-9] + bytes([data[-9] ^ 4]) + data[-8:], data + b"\0"):
            with pytest.raises(NellocError):
                Image.open(io.BytesIO(damaged)).verify()


def test_an_image_that_was_verified_must_be_opened_again(tmp_path):
    (tmp_path / "a.nlc").write_bytes(saved(picture("L")).getvalue())
    image = Image.open(tmp_path / "a.nlc")
    image.verify()
    for again in (image.verify, image.load):
        with pytest.raises(NellocError, match="open it again"):
            again()


def test_16_bit_colour_is_refused():
    data = nelloc.encode(np.full((4, 4, 3), 5000, np.uint16))
    with pytest.raises(NellocError, match="Pillow cannot hold"):
        Image.open(io.BytesIO(data))


def files_that_pillow_changes():
    from image.test_reading import png, tiff

    yield "16 bits", png(1, 1, 16, 2, b"\0\1\2\3\4\5\6")
    yield "16 bits", b"P6 1 1 65535\n\1\2\3\4\5\6"
    yield "samples of 0 to 100", b"P6 1 1 100\nabc"
    yield "samples of 0 to 1000", b"P6 1 1 1000\n\1\2\1\3\1\4"
    yield "multiplied by their alpha", tiff((8,) * 4, bytes(16), (338, 1))


def test_a_file_whose_samples_pillow_changes_is_not_saved(tmp_path):
    for reason, data in files_that_pillow_changes():
        with pytest.raises(NellocError, match=reason):
            saved(Image.open(io.BytesIO(data)))
        (tmp_path / "a").write_bytes(data)
        image = Image.open(tmp_path / "a")
        image.load()
        with pytest.raises(NellocError, match=reason):
            image.save(tmp_path / "a.nlc")
        assert not (tmp_path / "a.nlc").exists()
        assert saved(image.copy()).getvalue()


def test_what_pillow_does_not_cut_is_not_called_cut():
    from image.test_reading import tiff

    image = Image.open(io.BytesIO(b"P5 1 1 65535\n\1\2"))
    assert image.mode == "I"
    with pytest.raises(NellocError, match="in Pillow's mode I; give the file itself"):
        saved(image)
    with pytest.raises(NellocError, match="samples of 16 bits that are signed"):
        saved(Image.open(io.BytesIO(tiff((16,), bytes(8), (339, 2)))))


def test_a_file_that_pillow_changed_before_registering_is_known_by_its_name(tmp_path, monkeypatch):
    for name in ("PNG", "PPM", "TIFF"):
        factory, accept = Image.OPEN[name]
        monkeypatch.setitem(Image.OPEN, name, (factory.factory, accept))
    for reason, data in files_that_pillow_changes():
        (tmp_path / "a").write_bytes(data)
        image = Image.open(tmp_path / "a")
        image.load()
        with pytest.raises(NellocError, match=reason):
            nelloc.encode(image)
        (tmp_path / "a").unlink()
        nelloc.encode(image)


def test_an_image_that_cannot_be_kept_is_not_saved(tmp_path):
    with pytest.raises(NellocError, match="mode CMYK"):
        Image.new("CMYK", (3, 3)).save(tmp_path / "a.nlc")
    assert not (tmp_path / "a.nlc").exists()


def test_a_model_that_is_left_out_is_found_in_the_users_folder(tmp_path, small_model_path, monkeypatch):
    monkeypatch.setenv("NELLOC_MODELS", str(tmp_path / "mine"))
    monkeypatch.setattr(search, "_trials", lambda *_: iter([search.Trial(Method.MIXTURE)]))
    image = picture("RGB")
    path = tmp_path / "a.nlc"
    image.save(path, model=small_model_path, embed=False)
    with pytest.raises(NellocError, match=r"needs model \w+, which is not installed; copy its file into /.*/mine$"):
        Image.open(path).load()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.nlm").write_bytes(small_model_path.read_bytes())
    for name in (path, str(path), str(path).encode(), io.BytesIO(path.read_bytes())):
        assert Image.open(name).tobytes() == image.tobytes()


def test_keywords_of_other_formats_are_refused_with_a_sentence(tmp_path):
    with pytest.raises(
        NellocError, match=r"a.nlc: .nlc files are always lossless and have no quality, optimize; leave it out"
    ):
        picture("L").save(tmp_path / "a.nlc", quality=95, optimize=True, effort=1)
    assert not (tmp_path / "a.nlc").exists()


def test_a_save_that_fails_writes_nothing_to_an_open_file():
    file = io.BytesIO()
    with pytest.raises(NellocError):
        Image.new("CMYK", (3, 3)).save(file, "NLC")
    assert file.getvalue() == b""


def test_the_documented_example():
    result = doctest.testmod(nelloc.plugins.pillow)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("entry", [{"exif": 5}, {"gamma": float("nan")}])
def test_metadata_that_a_program_set_wrongly_is_no_damage(entry):
    image = picture("RGB")
    image.info |= entry
    with pytest.raises(NellocError, match=r"has metadata that cannot be read \(.*\); correct it in image.info"):
        nelloc.encode(image)


def test_a_closed_image_is_no_damage(tmp_path):
    picture("RGB").save(tmp_path / "a.png")
    with open(tmp_path / "a.png", "rb") as file:
        image = Image.open(file)
    with pytest.raises(NellocError, match="was closed before its samples were read; open it again"):
        nelloc.encode(image)


def test_an_image_may_be_saved_with_all_its_frames_if_it_has_one(tmp_path):
    image = Image.new("RGB", (4, 3), "teal")
    image.save(tmp_path / "one.nlc", save_all=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.nlc")), np.asarray(image))
    with pytest.raises(NellocError, match=r"two\.nlc: would hold 2 images, and \.nlc files hold one; save each in its"):
        image.save(tmp_path / "two.nlc", save_all=True, append_images=[image])
    assert not (tmp_path / "two.nlc").exists()


@pytest.mark.parametrize(
    "given",
    [
        {"dpi": 72},
        {"dpi": (72,)},
        {"dpi": (-1, 1)},
        {"dpi": (float("nan"), 1)},
        {"dpi": (float("inf"), 1)},
        {"dpi": ("x", 1)},
        {"dpi": (1e12, 1)},
        {"exif": "x"},
        {"exif": {1: 2}},
        {"icc_profile": "x"},
        {"xmp": 3},
    ],
    ids=str,
)
def test_metadata_that_cannot_be_kept_is_refused_and_not_dropped(given, tmp_path):
    (name,) = given
    with pytest.raises(NellocError, match=rf"^image: {name}.*; give .*, or None for none$"):
        Image.new("RGB", (4, 3), "teal").save(tmp_path / "a.nlc", **given)
    assert not (tmp_path / "a.nlc").exists()


def test_an_image_that_was_closed_before_it_was_loaded_is_called_that(tmp_path):
    Image.new("RGB", (4, 3), "teal").save(tmp_path / "a.nlc")
    image = Image.open(tmp_path / "a.nlc")
    image.close()
    with pytest.raises(NellocError, match=r"a\.nlc: was closed before its samples were read; open it again$"):
        image.load()
