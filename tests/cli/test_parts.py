"""Parts of images on the command line: --region, --allow-damaged, and what verify says of a damaged file."""

import json

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from running import invoke

import nelloc
from nelloc.codec import container

IMAGE = np.random.default_rng(3).integers(100, 140, (40, 40, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, small_model_path, monkeypatch):
    """A whole file, and one whose tiles 1 and 5 of 9 are damaged."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.nlm").write_bytes(small_model_path.read_bytes())
    data = nelloc.encode(IMAGE, model=small_model_path, tile=16)
    (tmp_path / "whole.nlc").write_bytes(data)
    changed = bytearray(data)
    records = container.parse(data).records
    for tile in (1, 5):
        changed[len(data) - sum(len(record.data) + 4 for record in records[tile:]) + 2] ^= 1
    (tmp_path / "damaged.nlc").write_bytes(changed)
    return tmp_path


def test_a_region_is_written():
    result = invoke("decompress", "whole.nlc", "part.png", "--region", "3,5,20,30")
    assert result.exit_code == 0
    assert "20 x 30 pixels" in result.stderr
    np.testing.assert_array_equal(np.asarray(Image.open("part.png")), IMAGE[5:35, 3:23])


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,0,4", "-1,2,3,4", "1,2,3,4,5"])
def test_what_is_no_region_is_a_usage_error(text):
    result = invoke("decompress", "whole.nlc", "part.png", f"--region={text}")
    assert result.exit_code == 2
    assert "--region" in result.stderr


def test_a_region_outside_fails(folder):
    result = invoke("decompress", "whole.nlc", "part.png", "--region", "30,30,11,5")
    assert result.exit_code == 1
    assert result.stderr == (
        "nelloc: whole.nlc: has 40 x 40 pixels, and the region 30,30,11,5 is not inside; choose one that is\n"
    )
    assert not (folder / "part.png").exists()


@pytest.mark.parametrize("more", [["-r"], ["--output-dir", "out"], ["--rm"]])
def test_a_region_is_for_one_file_that_stays(more):
    result = invoke("decompress", "whole.nlc", "--region", "0,0,4,4", *more)
    assert result.exit_code == 2


def test_verify_names_the_damaged_tiles():
    assert invoke("verify", "whole.nlc").exit_code == 0
    result = invoke("verify", "damaged.nlc")
    assert result.exit_code == 1
    assert "has damaged tiles, 2 of 9: tile 1 (13,0,13,13); tile 5 (26,13,14,13)" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_damaged_file_gives_nothing_unless_allowed(folder):
    result = invoke("decompress", "damaged.nlc", "back.png")
    assert result.exit_code == 1
    assert "tile 1" in result.stderr
    assert not (folder / "back.png").exists()

    result = invoke("decompress", "damaged.nlc", "back.png", "--allow-damaged")
    assert result.exit_code == 1
    assert "tile 1 (13,0,13,13); tile 5 (26,13,14,13)" in result.stderr
    back = np.asarray(Image.open("back.png"))
    lost = np.zeros((40, 40), bool)
    lost[0:13, 13:26] = lost[13:26, 26:40] = True
    np.testing.assert_array_equal(back[~lost], IMAGE[~lost])
    assert (back[lost] == [255, 0, 255]).all()


def test_allow_damaged_changes_nothing_of_a_whole_file():
    result = invoke("decompress", "whole.nlc", "back.png", "--allow-damaged")
    assert result.exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("back.png")), IMAGE)


def test_a_folder_with_a_damaged_file(folder):
    result = invoke("decompress", ".", "--output-dir", "out", "--allow-damaged", "--json")
    assert result.exit_code == 1
    rows = {row["source"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert rows["damaged.nlc"]["damaged"] == ["tile 1 (13,0,13,13)", "tile 5 (26,13,14,13)"]
    assert rows["whole.nlc"]["damaged"] == []
    assert (folder / "out" / "damaged.png").exists()
    again = invoke("decompress", ".", "--output-dir", "out", "--allow-damaged")
    assert (again.exit_code, "damaged.png: exists, but was not made from" in again.stderr) == (1, True)


def with_damage(folder, damage: str) -> bytes:
    """A file whose tiles are whole, but not all else."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a title that is lost")
    Image.fromarray(IMAGE).save("titled.png", pnginfo=text)
    nelloc.compress("titled.png", "titled.nlc", model=folder / "model.nlm", tile=16)
    data = (folder / "titled.nlc").read_bytes()
    if damage == "bytes after its end":
        return data + b"junk\n"
    (section,) = container.parse(data).sections
    place = data.index(section.data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("damage", ["its metadata", "bytes after its end"])
def test_damage_that_costs_no_pixel_is_named_and_the_pixels_are_written(folder, damage):
    (folder / "hurt.nlc").write_bytes(with_damage(folder, damage))
    for command in (["verify"], ["decompress", "--region", "0,0,4,4"], ["decompress"]):
        result = invoke(command[0], "hurt.nlc", *command[1:], *(["back.png"] if command[0] == "decompress" else []))
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert damage in result.stderr.replace("bytes follow its end", "bytes after its end")
        assert not (folder / "back.png").exists()
    result = invoke("decompress", "hurt.nlc", "back.png", "--allow-damaged")
    assert result.exit_code == 1
    assert damage in result.stderr
    np.testing.assert_array_equal(np.asarray(Image.open("back.png")), IMAGE)
