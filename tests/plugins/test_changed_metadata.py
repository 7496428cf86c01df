"""Metadata that is changed between opening and saving is saved as it was changed, and all other metadata as it was.

The measure is what Pillow shows of the image when it is saved: its own plug-ins write no EXIF, profile or comment that
was removed from ``info`` (PNG, TIFF, AVIF and JPEG take the profile and the comment from there), and
``ImageOps.exif_transpose`` counts on it.
"""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

import nelloc
from nelloc.codec.options import EncodeOptions
from nelloc.files.convert import compress_bytes

nelloc.register()

FAST = {"model": "fast", "effort": 1, "learn": False}

ORIENTATION, DESCRIPTION, DATE = 274, 270, 36867
EXIF_IFD = 0x8769
PROFILE = b"a profile " * 20
XMP = b'<x:xmpmeta><rdf tiff:Orientation="6"/></x:xmpmeta>'


def exif():
    found = Image.Exif()
    found[ORIENTATION], found[DESCRIPTION] = 6, "where I live"
    found.get_ifd(EXIF_IFD)[DATE] = "2026:01:02 03:04:05"
    return found


def png_bytes():
    info = PngInfo()
    info.add_text("Title", "first")
    info.add_itxt("Author", "the author", "en", "Author")
    info.add(b"sBIT", b"\5\6\5")
    info.add(b"prVt", b"private")
    image = Image.fromarray(np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info, exif=exif(), icc_profile=PROFILE, dpi=(300, 150))
    return file.getvalue()


def file_bytes(form):
    """A file with all the metadata that Pillow writes of its format."""
    if form == "PNG":
        return png_bytes()
    if form == "NLC":
        return compress_bytes(png_bytes(), "a.png", EncodeOptions(**FAST), verify=True)[1]
    image = Image.fromarray(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3))
    keywords = {"exif": exif(), "icc_profile": PROFILE}
    keywords |= {
        "JPEG": {"dpi": (300, 150), "comment": b"a comment", "xmp": XMP},
        "WEBP": {"lossless": True, "xmp": XMP},
        "TIFF": {"dpi": (300, 150)},
        "AVIF": {},
    }[form]
    file = io.BytesIO()
    image.save(file, form, **keywords)
    return file.getvalue()


FORMATS = ["NLC", "PNG", "JPEG", "TIFF", "WEBP"]
FILES = {form: file_bytes(form) for form in FORMATS}


def opened(form, loaded):
    image = Image.open(io.BytesIO(FILES[form]))
    if loaded:
        image.load()
    return image


def saved(image, **keywords):
    file = io.BytesIO()
    image.save(file, "NLC", **FAST, **keywords)
    return Image.open(file)


def told(image):
    """What Pillow shows of an image's metadata."""
    info = {key: image.info.get(key) for key in ("icc_profile", "dpi", "comment", "Title", "Author", "gamma")}
    info["xmp"] = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    tags = {tag: value for tag, value in image.getexif().items() if tag in (ORIENTATION, DESCRIPTION, 315)}
    return info, tags, dict(image.getexif().get_ifd(EXIF_IFD))


def assert_same(image, back):
    (info, *exifs), (info_back, *exifs_back) = told(image), told(back)
    dpi, dpi_back = info.pop("dpi"), info_back.pop("dpi")
    assert info == info_back
    assert exifs == exifs_back
    assert dpi == dpi_back or np.allclose(np.array(dpi, float), np.array(dpi_back, float), atol=1e-2)


each_form = pytest.mark.parametrize("form", FORMATS)
each_moment = pytest.mark.parametrize("loaded", [False, True], ids=["before loading", "after loading"])


@each_form
@each_moment
def test_what_is_not_changed_is_kept_as_the_file_has_it(form, loaded):
    image = opened(form, loaded)
    image.getexif()
    back = saved(image)
    if form == "NLC":
        assert back.metadata == image.metadata
    else:
        whole = compress_bytes(FILES[form], "a", EncodeOptions(**FAST, pixels=True), verify=True)[1]
        assert back.metadata == Image.open(io.BytesIO(whole)).metadata
    assert_same(image, back)


@each_form
@each_moment
def test_a_cleared_image_has_no_metadata(form, loaded):
    image = opened(form, loaded)
    image.info.clear()
    if form == "TIFF":  # Pillow has its tags elsewhere
        image.getexif().clear()
    back = saved(image)
    assert back.metadata.items == ()
    assert back.info == {}


@each_form
@each_moment
@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.parametrize("key", ["icc_profile", "exif", "xmp", "dpi", "comment", "Title", "Author"])
def test_what_is_removed_from_info_is_not_saved_and_the_rest_is(form, loaded, read_before, key):
    image = opened(form, loaded)
    if read_before:
        image.getexif()
    if key not in image.info:
        pytest.skip("not in this format")
    before, _, _ = told(image)
    del image.info[key]
    back = saved(image)
    assert key not in back.info
    after, tags, inner = told(back)
    if key == "exif":
        assert (tags, inner) == ({}, {}) or (form in ("JPEG", "WEBP") and set(tags) == {ORIENTATION})  # that of the XMP
    else:
        assert DESCRIPTION in tags
    others = set(before) - {key, "dpi"}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}


NEW = {
    "icc_profile": b"another profile",
    "xmp": b"<another/>",
    "dpi": (72.5, 96),
    "comment": b"another",
    "Title": "another",
}


@each_form
@each_moment
@pytest.mark.parametrize("key", NEW)
def test_what_is_set_in_info_is_saved(form, loaded, key):
    image = opened(form, loaded)
    if key == "Title" and form not in ("NLC", "PNG"):
        pytest.skip("no texts in this format")
    image.info[key] = NEW[key]
    back = saved(image)
    assert back.info[key] == NEW[key]
    assert_same(image, back)


@each_form
@each_moment
def test_exif_set_in_info_is_saved(form, loaded):
    # Loading a TIFF file, Pillow puts its own EXIF there.
    image = opened(form, loaded or form == "TIFF")
    image.getexif()
    other = Image.Exif()
    other[315] = "somebody"
    image.info["exif"] = other.tobytes()
    back = saved(image).getexif()
    assert {tag: value for tag, value in back.items() if tag != ORIENTATION} == {315: "somebody"}
    assert (ORIENTATION in back) == (form in ("JPEG", "WEBP"))  # Pillow reads it in their XMP


def remove_description(image):
    del image.getexif()[DESCRIPTION]


def change_description(image):
    image.getexif()[DESCRIPTION] = "nowhere"


def add_artist(image):
    image.getexif()[315] = "somebody"


def change_date(image):
    image.getexif().get_ifd(EXIF_IFD)[DATE] = "2000:01:01 00:00:00"


def transpose(image):
    ImageOps.exif_transpose(image, in_place=True)


def transpose_and_change(image):
    ImageOps.exif_transpose(image, in_place=True)
    image.getexif()[DESCRIPTION] = "turned"


@each_form
@each_moment
@pytest.mark.parametrize(
    "change", [remove_description, change_description, add_artist, change_date, transpose, transpose_and_change]
)
def test_exif_that_is_changed_is_saved_as_it_is_shown(form, loaded, change):
    image = opened(form, loaded)
    change(image)
    if form == "TIFF":  # Pillow turns it when it loads it
        image.load()
    wanted = told(image)[1:]
    back = saved(image)
    assert told(back)[1:] == wanted
    assert back.size == image.size
    assert back.tobytes() == image.tobytes()
    assert_same(image, back)


@each_form
def test_a_transposed_image_is_not_turned_twice(form):
    image = opened(form, loaded=False)
    upright = ImageOps.exif_transpose(image)
    ImageOps.exif_transpose(image, in_place=True)
    for one in (image, upright):
        back = saved(one)
        assert ORIENTATION not in back.getexif()
        assert ImageOps.exif_transpose(back).tobytes() == upright.tobytes()


@each_form
def test_all_exif_that_is_removed_is_gone(form):
    image = opened(form, loaded=True)
    image.getexif().clear()
    for tag in (EXIF_IFD, 0x8825):
        image.getexif().get_ifd(tag).clear()
    back = saved(image)
    assert "exif" not in back.info
    assert b"where I live" not in repr(back.metadata).encode()
    assert back.info["icc_profile"] == PROFILE


@each_form
@pytest.mark.parametrize("value", [None, b""])
def test_what_save_is_given_as_nothing_is_left_out(form, value):
    back = saved(opened(form, loaded=False), exif=value, icc_profile=value, xmp=value, dpi=None)
    assert not {"exif", "icc_profile", "xmp", "dpi"} & set(back.info)
    if form == "PNG":
        assert back.info["Title"] == "first"


@each_form
def test_what_save_is_given_counts_more_than_what_the_image_has(form):
    other = Image.Exif()
    other[315] = "somebody"
    image = opened(form, loaded=True)
    image.getexif()[DESCRIPTION] = "changed"
    image.info["icc_profile"] = b"changed"
    back = saved(image, exif=other, icc_profile=b"given", dpi=(10, 20), xmp=b"<given/>")
    assert dict(back.getexif()) == {315: "somebody"}
    assert (back.info["icc_profile"], back.info["dpi"], back.info["xmp"]) == (b"given", (10, 20), b"<given/>")


@each_form
def test_an_image_made_of_another_has_what_info_has(form):
    image = opened(form, loaded=False)
    for made in (image.copy(), image.crop((0, 0, 3, 3)), image.resize((4, 4)), image.convert("RGBA")):
        back = saved(made)
        assert back.info.get("icc_profile") == PROFILE
        assert dict(back.getexif()) == dict(made.getexif())
        assert back.info.get("comment") == made.info.get("comment")
        if "dpi" in made.info:
            np.testing.assert_allclose(np.array(back.info["dpi"], float), np.array(made.info["dpi"], float), atol=1e-2)


@pytest.mark.parametrize("form", ["NLC", "PNG"])
def test_chunks_of_a_colour_type_do_not_outlive_it(form):
    image = opened(form, loaded=True)
    image.putalpha(7)
    with pytest.warns(UserWarning, match="not kept: PNG chunk sBIT"):
        back = saved(image)
    assert b"prVt" in {item.data[:4] for item in back.metadata.items}
    assert b"sBIT" not in {item.data[:4] for item in back.metadata.items}


@pytest.mark.parametrize("form", ["NLC", "PNG"])
def test_chunks_outlive_changes_of_pixels_and_size(form):
    image = opened(form, loaded=True)
    image.putpixel((0, 0), (9, 9, 9))
    image.thumbnail((4, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = saved(image)
    assert {b"sBIT", b"prVt"} <= {item.data[:4] for item in back.metadata.items}


def test_texts_of_one_keyword_are_kept_unless_they_are_changed():
    info = PngInfo()
    for text in ("one", "two"):
        info.add_text("Note", text)
    file = io.BytesIO()
    Image.new("L", (3, 3)).save(file, "PNG", pnginfo=info)
    assert [text.text for text in saved(Image.open(file)).metadata.texts] == ["one", "two"]
    again = saved(Image.open(file))
    assert [text.text for text in saved(again).metadata.texts] == ["one", "two"]
    again.info["Note"] = "three"
    assert [text.text for text in saved(again).metadata.texts] == ["three"]


def test_tags_of_a_tiff_file_that_are_changed_directly_are_saved():
    image = opened("TIFF", loaded=True)
    image.tag_v2[DESCRIPTION] = "by tag_v2"
    assert saved(image).getexif()[DESCRIPTION] == "by tag_v2"
