"""Promises of nelloc info and nelloc verify."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from materials import GOLDEN, small_model_bytes
from running import BEFORE, MODEL, assert_failed, invoke, names

from nelloc.codec import container

pytestmark = pytest.mark.usefixtures("photo_folder")


def test_info_shows_what_the_header_says():
    size = Path("model.nlm").stat().st_size
    assert f"(inside the file, {size} bytes)" in invoke("info", "file.nlc").stdout
    assert invoke("compress", "photo.png", "file.nlc", "--force", "--no-embed", *MODEL).exit_code == 0
    Path("model.nlm").write_bytes(small_model_bytes(seed=1))
    result = invoke("info", "file.nlc")
    assert (result.exit_code, result.stderr) == (0, "")
    model = container.parse(Path("file.nlc").read_bytes()).model_id.hex()
    for words in ("file.nlc", "20 x 5, 8-bit RGB", f"{Path('file.nlc').stat().st_size} bytes", model, "not installed"):
        assert words in result.stdout


def test_info_names_a_shipped_model():
    invoke("compress", "photo.png", "--no-verify")
    assert "(default)" in invoke("info", "photo.nlc").stdout


def test_info_gives_the_same_as_json():
    result = invoke("info", "file.nlc", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["file"], found["width"], found["height"], found["kind"]) == ("file.nlc", 20, 5, "RGB")


def test_info_tells_of_each_file_and_of_those_that_are_none():
    one = invoke("info", "file.nlc").stdout
    Path("short.nlc").write_bytes(Path("file.nlc").read_bytes()[:20])
    result = invoke("info", "file.nlc", "short.nlc", "absent.nlc", "file.nlc")
    assert (result.exit_code, result.stdout) == (1, f"{one}\n{one}")
    lines = result.stderr.splitlines()
    assert [line.partition(".nlc")[0] for line in lines] == ["nelloc: short", "nelloc: absent"]
    as_json = invoke("info", "--json", "file.nlc", "file.nlc")
    assert (as_json.exit_code, [json.loads(line)["width"] for line in as_json.stdout.splitlines()]) == (0, [20, 20])
    as_json = invoke("info", "--json", "short.nlc", "file.nlc")
    short, whole = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert (as_json.exit_code, short["file"], whole["width"]) == (1, "short.nlc", 20)
    assert as_json.stderr == f"nelloc: {short['error']}\n"


def test_info_counts_the_levels_of_a_stretched_image_if_asked_for_more():
    counts = "levels 256 of 256, 256 of 256, 256 of 256, 166 of 256\n"
    path = str(GOLDEN / "levels-joined.nlc")
    assert counts in invoke("info", "-v", path).stdout
    assert counts not in invoke("info", path).stdout
    assert json.loads(invoke("info", "--json", path).stdout)["levels"][-1] == [166, 256]
    assert "levels" not in invoke("info", "-v", "file.nlc").stdout
    assert invoke("verify", path).exit_code == 0


def test_info_and_verify_read_standard_input():
    data = Path("file.nlc").read_bytes()
    assert "20 x 5" in invoke("info", "-", data=data).stdout
    assert invoke("verify", "-", *MODEL, data=data).exit_code == 0
    assert_failed(invoke("info", "-", data=data[:8]), "standard input: ")
    assert_failed(invoke("verify", "-", *MODEL, data=data[:-1]), "standard input: ")


def test_verify_names_each_whole_file():
    result = invoke("verify", "file.nlc", "file.nlc", *MODEL)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "file.nlc: whole, 20 x 5 pixels\n" * 2
    assert names() == BEFORE


def test_verify_goes_on_after_a_damaged_file_and_fails_in_the_end():
    data = Path("file.nlc").read_bytes()
    Path("damaged.nlc").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    arguments = ["verify", "damaged.nlc", "absent.nlc", "file.nlc", *MODEL]
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "file.nlc: whole, 20 x 5 pixels\n")
    first, second = result.stderr.splitlines()
    assert first.startswith("nelloc: damaged.nlc: ")
    assert second.startswith("nelloc: absent.nlc: ")
    result = invoke(*arguments, "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["file"], row["ok"]) for row in rows] == [
        ("damaged.nlc", False),
        ("absent.nlc", False),
        ("file.nlc", True),
    ]
    assert "damaged" in rows[0]["error"]
    assert result.exit_code == 1
    result = invoke(*arguments, "--quiet")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 2)
    assert invoke(*arguments, "--verbose").stderr.endswith("1 of 3 files are whole\n")
