"""Folders as training data: what is held out, what is left out, and drawing from more than fits in memory."""

from __future__ import annotations

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from PIL import Image  # noqa: E402

from nelloc import NellocError  # noqa: E402
from nelloc.training import folder as folders  # noqa: E402
from nelloc.training.batches import BatchStream, reading_images  # noqa: E402
from nelloc.training.data import Augmentation, PixelPool, PixelSampler, load_image  # noqa: E402
from nelloc.training.folder import DataConfig, FolderSampler, held_out_images, scan  # noqa: E402
from nelloc.training.networks.local import LocalConfig  # noqa: E402
from nelloc.training.run import folder_data  # noqa: E402

NOTHING_VARIED = {"gray": 0, "flip": 0}


def write_images(folder, count, size=(12, 10)):
    """Images of one colour each: gray level k in image k."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        Image.new("RGB", size, (k, k, k)).save(folder / f"{k}.png")


def test_folders_are_searched_to_the_bottom_and_for_images_only(tmp_path):
    write_images(tmp_path / "a" / "b", 3)
    write_images(tmp_path / "c", 2)
    (tmp_path / "README.txt").write_text("not an image")
    found = scan(tmp_path)
    assert len(found.training) + len(found.held_out) == 5
    assert not set(found.training) & set(found.held_out)


def test_held_out_files_are_chosen_by_name_and_stay_held_out(tmp_path):
    write_images(tmp_path / "data", 100, size=(2, 2))
    before = scan(tmp_path / "data")
    assert 1 <= len(before.held_out) <= 12
    write_images(tmp_path / "data" / "more", 50, size=(2, 2))
    assert set(before.held_out) <= set(scan(tmp_path / "data").held_out)
    moved = tmp_path / "elsewhere"
    (tmp_path / "data").rename(moved)
    names = {path.relative_to(moved) for path in scan(moved).held_out}
    assert {path.relative_to(tmp_path / "data") for path in before.held_out} <= names


@pytest.mark.parametrize("count", range(2, 8))
def test_a_small_folder_has_something_on_both_sides(tmp_path, count):
    write_images(tmp_path, count)
    found = scan(tmp_path)
    assert len(found.held_out) >= 1
    assert len(found.training) >= 1


def test_a_folder_without_two_images_is_named(tmp_path):
    with pytest.raises(NellocError, match="nowhere: no such folder"):
        scan(tmp_path / "nowhere")
    with pytest.raises(NellocError, match="no images there"):
        scan(tmp_path)
    write_images(tmp_path, 1)
    with pytest.raises(NellocError, match=r"only 0\.png there"):
        scan(tmp_path)


def test_held_out_images_that_cannot_be_read_are_named_and_replaced(tmp_path):
    write_images(tmp_path, 4)
    for path in scan(tmp_path).held_out:
        path.write_bytes(b"")
    images, problems = held_out_images(scan(tmp_path))
    assert images
    assert problems
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with pytest.raises(NellocError, match="none of its 4 images can be read"):
        held_out_images(scan(tmp_path))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_images_of_eight_bits_are_read_as_rgb(tmp_path, mode):
    Image.new(mode, (5, 4)).save(tmp_path / "image.tif")
    assert load_image(tmp_path / "image.tif").shape == (4, 5, 3)


@pytest.mark.parametrize("damage", ["16 bits", "16 bits of colour", "float", "truncated", "empty", "folder", "text"])
def test_an_image_that_cannot_be_used_is_named(tmp_path, damage):
    path = tmp_path / "image.tif"
    if damage in ("16 bits", "float"):
        Image.new("I;16" if damage == "16 bits" else "F", (5, 4)).save(path)
    elif damage == "16 bits of colour":  # which Pillow cuts to 8
        path.write_bytes(b"P6 1 1 65535\n\1\2\3\4\5\6")
    elif damage == "folder":
        path.mkdir()
    else:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(path)
        data = path.read_bytes()
        path.write_bytes({"truncated": data[:1000], "empty": b"", "text": b"an image"}[damage])
    with pytest.raises(
        NellocError, match=r"image\.tif: (cannot be read \(Is a directory\)|not readable as a training image)"
    ):
        load_image(path)


def drawer(folder, memory, **options):
    paths = sorted(folder.iterdir())
    return FolderSampler(paths, 3, 1, memory=memory, **options).open(0, 1)


def test_a_folder_that_fits_is_read_once_and_drawn_from_evenly(tmp_path, monkeypatch):
    write_images(tmp_path, 20)
    read = []
    monkeypatch.setattr(folders, "load_image", lambda path: read.append(path) or load_image(path))
    source = drawer(tmp_path, 1 << 20)
    counts = np.bincount(np.concatenate([source.draw(1000)[1][0] for _ in range(10)]), minlength=20)
    assert len(read) == 20
    assert counts.min() > 350
    assert counts.max() < 650


def test_a_folder_larger_than_its_memory_is_streamed_within_it(tmp_path):
    write_images(tmp_path, 200, size=(20, 20))
    memory = 200 * 400 * 3 // 8
    source = drawer(tmp_path, memory)
    seen = set()
    for _ in range(100):
        seen |= set(source.draw(2000)[1][0].tolist())
        held = sum(shard.pixels.nbytes for shard in source._shards) + sum(i.nbytes for i in source._next_shard)
        assert held <= memory
    assert seen == set(range(200))


def test_an_image_larger_than_the_memory_is_drawn_from_in_parts(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "large.png")
    source = drawer(tmp_path, 30_000)
    known = {tuple(pixel) for pixel in image.reshape(-1, 3).tolist()}
    seen = set()
    for _ in range(60):
        seen |= {tuple(pixel) for pixel in source.draw(2000)[1].T.tolist()}
    assert len(seen & known) > 10_000  # far more than one part of 555 pixels


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 9), (3, 3)])
def test_images_smaller_than_the_window_are_no_problem(tmp_path, size):
    write_images(tmp_path, 3, size=size)
    context, value, _ = drawer(tmp_path, 1 << 20, augmentation=Augmentation(True, True, 32)).draw(500)
    assert context.shape == (24, 3, 500)
    assert value.shape == (3, 500)


def test_unreadable_images_are_left_out_with_a_message_unless_nothing_remains(tmp_path):
    write_images(tmp_path, 6)
    (tmp_path / "2.png").write_bytes(b"broken")
    stream = FolderSampler(sorted(tmp_path.iterdir()), 3, 1)
    messages = []
    batch = next(iter(BatchStream(stream, LocalConfig(), 3000, messages=messages.append)))
    assert len(batch.value) == 3000
    assert len(messages) == 1
    assert "2.png: not readable" in messages[0]
    assert not (batch.value == 2).any()
    drawers = [stream.open(worker, 6) for worker in range(6)]  # one has the broken image only
    assert all(drawer.draw(9).value.shape == (3, 9) for drawer in drawers)
    assert len([message for drawer in drawers for message in drawer.messages()]) == 1
    for path in tmp_path.iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(NellocError, match="none of the 6 training images can be read"):
        next(iter(BatchStream(stream, LocalConfig(), 100)))


def test_a_worker_that_dies_is_said():
    class Killed:
        def open(self, worker, workers):
            os._exit(1)

    with pytest.raises(NellocError, match="has died"), reading_images():
        next(iter(BatchStream(Killed(), LocalConfig(), 10)))


@pytest.mark.parametrize("workers", [1, 2])
def test_one_seed_gives_the_same_batches(tmp_path, workers):
    write_images(tmp_path, 40, size=(20, 20))
    source = FolderSampler(sorted(tmp_path.iterdir()), 3, 5, memory=10_000)
    streams = [iter(BatchStream(source, LocalConfig(), 200, workers=workers)) for _ in range(2)]
    first = []
    for _ in range(6):
        a, b = (next(stream) for stream in streams)
        assert torch.equal(a.inputs, b.inputs)
        first.append(a.value)
    assert not torch.equal(first[0], first[1])


# Augmentation


def numbered(height, width):
    """An image in which every pixel is unique."""
    flat = np.arange(height * width)
    return np.stack([flat // 16, flat % 16, np.zeros_like(flat)], axis=1).astype(np.uint8).reshape(height, width, 3)


def test_turned_contexts_are_those_of_turned_images():
    """Every pixel drawn with rotation, and its context, is one that is drawn from one of the four turned images."""
    image = numbered(6, 9)
    options = {"tile_sizes": [10**9], **NOTHING_VARIED}  # tiles so large that they cut nothing

    def drawn(picture, **more):
        context, value, _ = PixelSampler([PixelPool.from_images([picture])], [1], 3, 0, **options, **more).draw(8000)
        both = np.concatenate([context.reshape(72, -1), value])
        return {both[:, k].tobytes() for k in range(8000)}

    turned = [drawn(np.ascontiguousarray(np.rot90(image, k))) for k in range(4)]
    assert len(set.intersection(*turned)) <= 1
    assert drawn(image, augmentation=Augmentation(rotate=True)) <= set.union(*turned)
    assert len(drawn(image, augmentation=Augmentation(rotate=True))) > 3 * len(turned[0])


def test_permuted_channels_are_permuted_alike_in_context_and_value():
    image = np.zeros((8, 8, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    pools = [PixelPool.from_images([image])]
    sampler = PixelSampler(pools, [1], 3, 0, **NOTHING_VARIED, augmentation=Augmentation(channels=True))
    context, value, _ = sampler.draw(2000)
    inside = (context != 128).all(axis=(0, 1))
    assert (context[:, :, inside] == value[None][:, :, inside]).all()
    assert len({tuple(v) for v in value.T.tolist()}) == 6


def test_brightness_shifts_context_and_value_together_and_never_wraps():
    image = np.array([0, 255], np.uint8)[np.random.default_rng(0).integers(0, 2, (16, 16, 1))].repeat(3, axis=2)
    dark = np.full((16, 16, 3), 5, np.uint8)
    for picture, lowest, highest in ((image, 0, 255), (dark, 0, 37)):
        pools = [PixelPool.from_images([picture])]
        sampler = PixelSampler(pools, [1], 3, 0, **NOTHING_VARIED, augmentation=Augmentation(brightness=32))
        context, value, _ = sampler.draw(3000)
        assert value.min() == lowest
        assert value.max() == highest
        first = (context == 128).all(axis=(0, 1))
        if picture is dark:
            assert (context[:, :, ~first] == value[None][:, :, ~first]).all()
            assert len(np.unique(value)) == 38


@pytest.mark.parametrize("names", [["training"], ["a/training", "b/training"], ["training", "a"]])
def test_a_folder_has_not_the_name_of_the_rate_of_training(tmp_path, names):
    for name in names:
        write_images(tmp_path / name, 3)
    data = DataConfig(tuple(str(tmp_path / name) for name in names))
    _, validation = folder_data(data, LocalConfig(width=4, components=1), 1, print)
    assert len(validation) == len(names)
    assert "training" not in validation


def test_a_checkpoint_remembers_its_data():
    from dataclasses import asdict

    data = DataConfig(("a", "b"), 5, ("rotate", "brightness"))
    assert DataConfig.remembered(asdict(data)) == data
    assert data.augmentation == Augmentation(rotate=True, brightness=folders.BRIGHTNESS)
    assert DataConfig.remembered(None) is None
