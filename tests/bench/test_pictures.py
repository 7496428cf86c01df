"""Finding images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nelloc.bench import pictures
from nelloc.ood.images import read


@pytest.fixture
def tree(tmp_path):
    for name in ("one/b.png", "one/a.PNG", "one/deep/c.webp", "two/d.jpg", "one/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt"):
            path.write_text("no image")
        else:
            Image.fromarray(np.zeros((2, 3), np.uint8)).save(path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("")
    return tmp_path


def names(*sources, limit=None) -> list[str]:
    found, errors = pictures.find(sources, limit)
    assert not errors
    return [item.name for item in found]


def test_folders_are_searched_by_name_and_folders_inside_too(tree):
    assert names(tree / "one") == ["a.PNG", "b.png", "deep/c.webp"]
    assert names(tree / "two", tree / "one") == ["two/d.jpg", "one/a.PNG", "one/b.png", "one/deep/c.webp"]
    assert names(tree / "one" / "b.png") == ["b.png"]


def test_limit_is_for_each_folder_and_no_image_is_found_twice(tree):
    assert names(tree / "one", tree / "two", limit=1) == ["one/a.PNG", "two/d.jpg"]
    assert names(tree / "one", tree / "one" / "b.png") == ["a.PNG", "b.png", "deep/c.webp"]


def test_names_of_files_in_the_current_folder(tree, monkeypatch):
    monkeypatch.chdir(tree / "one")
    assert names("b.png", "deep") == ["b.png", "deep/c.webp"]
    assert names(".") == ["a.PNG", "b.png", "deep/c.webp"]


def test_folders_without_images_are_told_and_the_others_searched(tree):
    found, errors = pictures.find([tree / "empty", tree / "two", tree / "texts"])
    assert [item.name for item in found] == ["d.jpg"]
    assert [str(error).split(": ")[0] for error in errors] == [str(tree / "empty"), str(tree / "texts")]
    assert all("no images there" in str(error) for error in errors)


def test_a_link_to_a_folder_is_not_followed(tree):
    (tree / "one" / "deep" / "loop").symlink_to(tree / "one")
    assert names(tree / "one") == ["a.PNG", "b.png", "deep/c.webp"]


def test_a_folder_that_cannot_be_read_is_told_and_the_others_searched(tree, monkeypatch):
    real = os.scandir

    def scandir(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found, errors = pictures.find([tree / "one"])
    assert [item.name for item in found] == ["a.PNG", "b.png"]
    assert [str(e) for e in errors] == [
        f"{tree / 'one' / 'deep'}: cannot be read (Permission denied); check its name and permissions"
    ]


def test_the_first_of_several_images_in_a_jpeg_file_is_measured_and_scored(tmp_path):
    path = tmp_path / "phone.jpg"
    shown = Image.fromarray(np.arange(3 * 16 * 24, dtype=np.uint8).reshape(16, 24, 3))
    shown.save(path, "MPO", save_all=True, append_images=[shown.resize((12, 8))])
    expected = np.asarray(Image.open(path))
    assert Image.open(path).n_frames == 2
    (found,), _ = pictures.find([path])
    assert np.array_equal(found.read(1000).pixels.planes, expected.transpose(2, 0, 1))
    assert np.array_equal(read(path, 16, 24, 3), expected.transpose(2, 0, 1))
