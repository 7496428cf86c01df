"""Bits-back archives: the same images back, or an error that says why not."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from strokes import small_vae, strokes  # noqa: E402

from nelloc.errors import NellocError  # noqa: E402
from nelloc.research.vae import archive, image_set, model_file  # noqa: E402
from nelloc.research.vae.image_set import ImageSet  # noqa: E402
from nelloc.training.datasets import read_idx  # noqa: E402


def image_set_of(kind: str, count: int = 6, names=None) -> ImageSet:
    images = strokes(count, kind).numpy().astype(np.uint8)
    return ImageSet(images * np.uint8(255) if kind == "binary" else images, names)


@pytest.mark.parametrize("kind", ["binary", "gray", "colour"])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_data_set_comes_back(kind, steps):
    found, vae = image_set_of(kind), small_vae(kind)
    data, summary = archive.compress(found, vae, steps=steps)
    back = archive.decompress(data, vae)
    assert np.array_equal(back.images, found.images)
    assert back.names is None
    assert archive.contents(data, "x") == (6, found.names is not None)
    assert (summary.images, summary.bytes) == (6, len(data))
    assert summary.gross_bpd == pytest.approx(8 * len(data) / found.images.size)
    initial = 32 * summary.initial_words / found.images.size
    assert summary.net_bpd + initial < summary.gross_bpd


def test_names_come_back():
    names = ("b.png", "a space.jpg", "ü.png")
    data, _ = archive.compress(image_set_of("gray", 3, names), small_vae("gray"))
    assert archive.decompress(data, small_vae("gray")).names == names


def test_no_truncation_and_no_changed_byte_passes_for_whole():
    vae = small_vae("gray")
    data, _ = archive.compress(image_set_of("gray", 2, ("a.png", "b.png")), vae)
    for length in range(0, len(data), 7):
        with pytest.raises(NellocError, match="archive: "):
            archive.decompress(data[:length], vae)
    for at in range(0, len(data), 5):
        changed = bytearray(data)
        changed[at] ^= 0x10
        with pytest.raises(NellocError, match="archive: "):
            archive.decompress(bytes(changed), vae)


def test_another_model_is_named():
    data, _ = archive.compress(image_set_of("gray"), small_vae("gray"))
    with pytest.raises(NellocError, match=model_file.identity(small_vae("gray")).hex()):
        archive.decompress(data, small_vae("gray", seed=1))


@pytest.mark.parametrize("name", ["../a.png", "a/b.png", "..", "", "c:\\a.png"])
def test_a_name_cannot_lead_out_of_the_folder(name):
    data, _ = archive.compress(image_set_of("gray", 1, (name,)), small_vae("gray"))
    with pytest.raises(NellocError, match="damaged"):
        archive.decompress(data, small_vae("gray"))


def test_images_that_a_model_is_not_for_are_refused():
    with pytest.raises(NellocError, match="has gray images, the model is for binary"):
        archive.compress(image_set_of("gray"), small_vae("binary"))
    with pytest.raises(NellocError, match="the model is for colour"):
        archive.compress(image_set_of("gray"), small_vae("colour"))
    with pytest.raises(NellocError, match="9 x 8, the model is for 8 x 8"):
        archive.compress(ImageSet(np.zeros((1, 1, 8, 9), np.uint8)), small_vae("binary"))
    with pytest.raises(NellocError, match="ran empty"):
        archive.compress(image_set_of("gray"), small_vae("gray"), initial_words=0)


def test_binary_images_are_gray_images_too():
    found = image_set_of("binary")
    data, _ = archive.compress(found, small_vae("gray"))
    assert np.array_equal(archive.decompress(data, small_vae("gray")).images, found.images)


@pytest.mark.parametrize("name", ["digits.gz", "digits.idx"])
def test_idx_files_are_read_and_written(tmp_path, name):
    found = image_set_of("gray")
    image_set.write(found, tmp_path / name, force=False)
    assert np.array_equal(read_idx(tmp_path / name), found.images[:, 0])
    assert np.array_equal(image_set.read(tmp_path / name).images, found.images)
    assert ((tmp_path / name).read_bytes()[:2] == b"\x1f\x8b") == name.endswith("gz")


@pytest.mark.parametrize("kind", ["gray", "colour"])
def test_folders_are_read_and_written(tmp_path, kind):
    found = image_set_of(kind, 2, ("a.png", "b.bmp"))
    image_set.write(found, tmp_path / "out", force=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.bmp.png"]
    back = image_set.read(tmp_path / "out")
    assert np.array_equal(back.images, found.images)
    assert back.kind == kind


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(NellocError, match="no image files"):
        image_set.read(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    Image.new("L", (8, 9)).save(tmp_path / "b.png")
    with pytest.raises(NellocError, match=r"b\.png: differs in size or channels from a\.png"):
        image_set.read(tmp_path)
    labels = tmp_path / "labels.gz"
    labels.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x02\1\2"))
    with pytest.raises(NellocError, match="holds no images"):
        image_set.read(labels)


def test_model_files_come_back_and_others_are_refused(tmp_path):
    vae = small_vae("colour")
    path = tmp_path / "model.vae"
    path.write_bytes(model_file.to_bytes(vae))
    assert model_file.identity(model_file.load(path)) == model_file.identity(vae)
    for data in (b"", b"x" * 100, model_file.to_bytes(vae)[:-10]):
        path.write_bytes(data)
        with pytest.raises(NellocError, match="not a VAE of nelloc"):
            model_file.load(path)
    with pytest.raises(NellocError, match="cannot be read"):
        model_file.load(tmp_path / "missing")


def test_images_that_would_become_one_file_are_refused(tmp_path):
    for name in ("a.bmp", "a.bmp.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name)
    with pytest.raises(NellocError, match=r"a.bmp.png: would be decompressed to the file of a.bmp; rename one of them"):
        image_set.read(tmp_path)


def test_images_of_zeros_and_ones_are_not_taken_for_gray_ones(tmp_path):
    path = tmp_path / "digits.idx"
    path.write_bytes(b"\0\0\x08\x03" + np.array([2, 4, 4], ">u4").tobytes() + bytes([0, 1] * 16))
    with pytest.raises(NellocError, match=r"digits.idx: has the values 0 and 1 only; make them 0 and 255"):
        image_set.read(path)
