"""Promises of what fails: one line, the right exit status, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from materials import small_model_bytes
from PIL import Image
from running import BEFORE, COMMANDS, MODEL, assert_failed, invoke, names, run

from nelloc.codec import container

pytestmark = pytest.mark.usefixtures("photo_folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_file_gives_one_line(command):
    assert_failed(invoke(command, "absent.nlc"), "absent.nlc", "cannot be read")


@pytest.mark.parametrize("command", ["decompress", "info", "verify"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "random", "text", "extended"])
def test_a_damaged_file_gives_one_line_and_no_output(command, damage):
    # Several tiles, since only what decodes can tell that a file of the small layout is cut short.
    assert invoke("compress", "photo.png", "file.nlc", "--force", "--tile", "16", *MODEL).exit_code == 0
    data = Path("file.nlc").read_bytes()
    Path("file.nlc").write_bytes(
        {
            "truncated": data[: len(data) // 2],
            "flipped": data[:50] + bytes([data[50] ^ 4]) + data[51:],
            "empty": b"",
            "random": bytes(range(256)),
            "text": data.replace(b"\n", b"\r\n"),
            "extended": data + b"\0",
        }[damage]
    )
    assert_failed(invoke(command, "file.nlc", *(MODEL if command != "info" else ())), "file.nlc: ")


@pytest.mark.parametrize("length", [0, 1, 20, 60, 200])
def test_a_truncated_image_gives_one_line_and_no_output(length):
    Path("photo.png").write_bytes(Path("photo.png").read_bytes()[:length])
    assert_failed(invoke("compress", "photo.png", *MODEL), "photo.png: ")


def test_a_damaged_file_is_named_without_a_traceback_by_the_real_command():
    data = Path("file.nlc").read_bytes()
    Path("file.nlc").write_bytes(data[:-1])
    done = run("decompress", "file.nlc", *MODEL)
    assert (done.returncode, done.stdout, names()) == (1, b"", BEFORE)
    assert done.stderr.startswith(b"nelloc: file.nlc: ")
    assert done.stderr.count(b"\n") == 1


def test_warnings_of_pillow_are_not_shown(pixels):
    Image.fromarray(pixels).save("photo.tif")
    Path("photo.tif").write_bytes(Path("photo.tif").read_bytes()[:100])
    done = run("compress", "photo.tif", *MODEL)
    assert done.returncode == 1
    assert done.stderr.startswith(b"nelloc: photo.tif: ")
    assert done.stderr.count(b"\n") == 1


def test_an_image_that_cannot_be_kept_is_refused(pixels):
    Image.fromarray(pixels).convert("CMYK").save("ink.tif")
    result = invoke("compress", "ink.tif", *MODEL)
    assert result.exit_code == 1
    assert result.stderr.startswith("nelloc: ink.tif: is of mode CMYK; ")
    assert not Path("ink.nlc").exists()


def test_a_lossy_output_name_is_refused():
    assert_failed(invoke("decompress", "file.nlc", "photo.gif", *MODEL), "photo.gif", "lossless")
    assert_failed(invoke("decompress", "file.nlc", "photo.jpg", *MODEL), "file.nlc", "holds pixels")


@pytest.mark.parametrize("command", ["compress", "decompress"])
@pytest.mark.parametrize("name", [".", "/"])
def test_a_name_of_no_file_gives_one_line(command, name):
    assert_failed(invoke(command, name, *MODEL), "is a folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_is_told_from_a_file(command):
    remedy = "; give a file, or -r" if "compress" in command else "; give the name of a file"
    assert_failed(invoke(command, "."), f"nelloc: .: is a folder{remedy}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compress", "file.nlc"], "file.nlc: is an .nlc file already; "),
        (["decompress", "photo.png"], "photo.png: is not an .nlc file; "),
        (["decompress", "photo.png", "photo.png"], "photo.png: is not an .nlc file; "),
        (["decompress", "file.nlc", "file.nlc"], "file.nlc: is the input; give another name for the output"),
        (["compress", "photo.png", "photo.png/x.nlc"], "photo.png/x.nlc: photo.png is not a folder; "),
        (["decompress", "file.nlc", "photo.png/x.png"], "photo.png/x.png: photo.png is not a folder; "),
        (["compress", "photo.png", "--output-dir", "photo.png"], "photo.png: is a file; give a folder, or the name"),
        (["compress", "photo.png", "--model", "photo.png"], "photo.png: not a nelloc model; give a .nlm file"),
    ],
)
def test_what_is_mistaken_for_something_else_is_called_by_its_name(arguments, words):
    assert_failed(invoke(*arguments), f"nelloc: {words}")


@pytest.mark.parametrize("command", ["compress", "decompress", "verify"])
def test_a_missing_or_wrong_model_gives_one_line(command):
    name = "photo.png" if command == "compress" else "file.nlc"
    assert invoke("compress", "photo.png", "file.nlc", "--force", "--no-embed", *MODEL).exit_code == 0
    assert_failed(invoke(command, name, "--model", "absent.nlm"), "absent.nlm", "no such model")
    if command != "compress":
        needed = container.parse(Path("file.nlc").read_bytes()).model_id.hex()
        Path("model.nlm").write_bytes(small_model_bytes(seed=1))
        assert_failed(invoke(command, name), "file.nlc", needed, "not installed")
        assert_failed(invoke(command, name, "--model", "model.nlm"), "file.nlc", needed, "model.nlm")


@pytest.mark.parametrize(
    "arguments",
    [
        ["compress"],
        ["compress", "a", "b", "c"],
        ["decompress"],
        ["info"],
        ["verify"],
        ["unpack", "a"],
        ["--unknown"],
        *([command, ""] for command in (*COMMANDS, "bench", "ood-score")),
        ["compress", "-r", "--rm", "", "--output-dir", "out"],
        ["compress", "-r", "photo.png", "--output-dir", ""],
        ["compress", "photo.png", ""],
        *([command, "file.nlc", "--model", ""] for command in ("compress", "decompress", "verify")),
        *(["sample", "--out", *names] for names in (("",), ("a.png", "--model", ""))),
        ["export", "", "a.nlm"],
        ["export", ".", ""],
        ["bench", ".", "--report", ""],
        *([command, "file.nlc", "--unknown"] for command in COMMANDS),
        *(["compress", "photo.png", "--effort", level] for level in ("0", "10", "x")),
        *(["compress", "photo.png", "--adapt-minutes", minutes] for minutes in ("0", "nan", "inf", "x")),
        *(["compress", "photo.png", "--tile", size] for size in ("15", "4097", "0", "-1", "x")),
        *(
            [command, "file.nlc", "--threads", n]
            for n in ("0", "1025")
            for command in ("compress", "decompress", "verify")
        ),
        *([command, "-r", "file.nlc", "--jobs", n] for n in ("0", "1025") for command in ("compress", "decompress")),
        *(["train", "--data", ".", "--out", "run", "--workers", n] for n in ("0", "100000")),
        *(["train", "--data", ".", "--out", "run", "--learning-rate", n] for n in ("0", "nan", "1e300")),
        ["bench", ".", "--threads", "1025"],
        *([command, "file.nlc", "--max-pixels", "0"] for command in COMMANDS),
        *([command, "file.nlc", "--decoder", "x"] for command in ("compress", "decompress", "verify")),
        *([command, "file.nlc", "--backend", "x"] for command in ("compress", "decompress", "verify")),
    ],
    ids=" ".join,
)
def test_wrong_usage_has_exit_status_2_and_writes_nothing(arguments):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr
    assert names() == BEFORE


def test_the_command_without_arguments_shows_its_help():
    result = invoke()
    assert result.exit_code == 2
    assert "Commands:" in result.output
