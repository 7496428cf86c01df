"""Promises of the command line: what goes to which stream, which exit status, and what is left behind."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from materials import small_model_bytes
from PIL import Image

import nelloc
from nelloc import codec, container
from nelloc.cli import common
from nelloc.cli.main import main
from nelloc.decoders import DECODERS, DEFAULT_DECODER
from nelloc.effort import DEFAULT_EFFORT
from nelloc.exact.backends import BACKENDS, DEFAULT_BACKEND
from nelloc.image import from_array
from nelloc.tiling import MAX_TILE, MIN_TILE

HELP = Path(__file__).parent / "help"
COMMANDS = ("compress", "decompress", "info", "verify")
# As a user has it: unbuffered output would hide what Python says at exit of output that it cannot write.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | {
    "PYTHONPATH": str(Path(nelloc.__file__).parents[1])
}
# What `nelloc --help` must not wait for.
HEAVY = ("numpy", "torch", "PIL", "constriction", "safetensors", "tqdm")


@pytest.fixture
def pixels() -> np.ndarray:
    """Of a photograph's sort, so that the model codes them."""
    rows, columns, channel = np.ogrid[:5, :20, :3]
    noise = np.random.default_rng(3).normal(size=(5, 20, 3)) * 3
    return (120 + 50 * np.sin(rows / 9 + columns / 7 + channel) + noise).astype(np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, pixels, small_model_path, monkeypatch) -> Path:
    """The current folder of each test: a photograph, the same compressed, and the model."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pixels).save("photo.png")
    (tmp_path / "model.nlm").write_bytes(small_model_path.read_bytes())
    (tmp_path / "file.nlc").write_bytes(codec.encode(pixels, model=small_model_path))
    return tmp_path


def invoke(*arguments: str, data: bytes | None = None) -> Result:
    """Run the command in this process. Anything but a proper exit is raised."""
    return CliRunner().invoke(main, arguments, input=data, prog_name="nelloc", catch_exceptions=False)


def run(*arguments: str | bytes, data: bytes = b"", **options) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "nelloc", *arguments]
    options = {"input": data, "capture_output": True, "env": ENVIRONMENT} | options
    return subprocess.run(command, check=False, **options)


def names() -> list[str]:
    """What is in the current folder."""
    return sorted(os.listdir())


def assert_failed(result: Result, *words: str) -> None:
    """One line on standard error that begins "nelloc: " and has ``words``; nothing else; exit status 1."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("nelloc: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
    assert names() == BEFORE


BEFORE = ["file.nlc", "model.nlm", "photo.png"]
MODEL = ("--model", "model.nlm")


# Compress and decompress


def test_compress_writes_beside_the_input_and_reports_on_standard_error():
    result = invoke("compress", "photo.png", *MODEL)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith("photo.png -> photo.nlc: ")
    assert Path("photo.nlc").read_bytes() == Path("file.nlc").read_bytes()
    assert names() == sorted([*BEFORE, "photo.nlc"])


def test_decompress_writes_a_png_beside_the_input_and_reports_on_standard_error(pixels):
    result = invoke("decompress", "file.nlc", *MODEL)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "file.nlc -> file.png: 20 x 5 pixels\n"
    np.testing.assert_array_equal(np.asarray(Image.open("file.png")), pixels)


def test_the_output_name_may_be_given(pixels):
    assert invoke("compress", "photo.png", "other.name", *MODEL).exit_code == 0
    assert Path("other.name").read_bytes() == Path("file.nlc").read_bytes()
    assert invoke("decompress", "other.name", "back.ppm", *MODEL).exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("back.ppm")), pixels)


def test_dash_reads_standard_input_and_writes_standard_output():
    compressed = run("compress", "-", *MODEL, data=Path("photo.png").read_bytes())
    assert (compressed.returncode, compressed.stdout) == (0, Path("file.nlc").read_bytes())
    assert compressed.stderr.startswith(b"standard input -> -: ")
    back = run("decompress", "-", "-", *MODEL, data=compressed.stdout)
    assert back.returncode == 0
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(back.stdout))), np.asarray(Image.open("photo.png")))
    assert names() == BEFORE


def test_dash_may_stand_on_one_side_only():
    photo, compressed = Path("photo.png").read_bytes(), Path("file.nlc").read_bytes()
    assert invoke("compress", "photo.png", "-", *MODEL).stdout_bytes == compressed
    assert invoke("compress", "-", "a.nlc", *MODEL, data=photo).stdout == ""
    assert Path("a.nlc").read_bytes() == compressed
    assert invoke("decompress", "-", "a.ppm", *MODEL, data=compressed).stdout == ""
    assert Path("a.ppm").exists()
    assert invoke("decompress", "file.nlc", "-", *MODEL).stdout_bytes.startswith(b"\x89PNG")


@pytest.fixture
def camera(pixels):
    """A photograph that says which camera took it."""
    exif = Image.Exif()
    exif[271] = "a camera"
    Image.fromarray(pixels).save("camera.png", exif=exif)
    return "camera.png"


def test_metadata_is_kept_unless_it_is_stripped_which_is_said(camera):
    assert "not kept" not in invoke("compress", camera, *MODEL).stderr
    assert "not kept" not in invoke("decompress", "camera.nlc", "back.png", *MODEL).stderr
    assert Image.open("back.png").getexif()[271] == "a camera"
    result = invoke("decompress", "camera.nlc", "bare.png", "--strip", *MODEL)
    assert "nelloc: camera.nlc: not kept in the output: EXIF\n" in result.stderr
    assert len(Image.open("bare.png").getexif()) == 0
    result = invoke("compress", camera, "stripped.nlc", "--strip", *MODEL)
    assert "nelloc: camera.png: not kept in the output: EXIF\n" in result.stderr
    assert Path("stripped.nlc").stat().st_size < Path("camera.nlc").stat().st_size
    assert invoke("compress", camera, "quiet.nlc", "-q", "--strip", *MODEL).stderr == ""
    row = json.loads(invoke("compress", camera, "-f", "--strip", "--json", *MODEL).stdout)
    assert row["left_out"] == ["EXIF"]


def test_info_names_the_kind_the_methods_and_the_metadata(camera):
    invoke("compress", camera, *MODEL)
    lines = invoke("info", "camera.nlc").stdout.splitlines()
    assert "image  20 x 5, 8-bit RGB" in lines
    assert "tiles  1, at most 256 x 256; 1 learning" in lines
    row = json.loads(invoke("info", "camera.nlc", "--json").stdout)
    assert list(row["metadata"]) == ["EXIF"]
    assert f"about  EXIF {row['metadata']['EXIF']} bytes; {row['metadata_bytes']} in the file" in lines
    Image.new("1", (300, 300)).save("black.png")
    invoke("compress", "black.png", *MODEL)
    lines = invoke("info", "black.nlc").stdout.splitlines()
    assert "image  300 x 300, 1-bit BILEVEL" in lines
    assert "tiles  4, at most 256 x 256; 4 constant" in lines
    assert "model  none needed" in lines


def test_what_the_output_format_does_not_hold_is_said(camera):
    invoke("compress", camera, *MODEL)
    assert (
        "nelloc: camera.nlc: not kept in the output: EXIF\n"
        in invoke("decompress", "camera.nlc", "a.bmp", *MODEL).stderr
    )
    row = json.loads(invoke("decompress", "camera.nlc", "b.bmp", "--json", *MODEL).stdout)
    assert row["left_out"] == ["EXIF"]


def test_an_output_format_that_does_not_hold_the_image_is_refused(pixels):
    Image.fromarray(np.dstack([pixels, pixels[:, :, :1]])).save("alpha.png")
    invoke("compress", "alpha.png", *MODEL)
    result = invoke("decompress", "alpha.nlc", "alpha.ppm", *MODEL)
    assert (result.exit_code, Path("alpha.ppm").exists()) == (1, False)
    assert result.stderr == "nelloc: alpha.nlc: is an RGBA image, and .ppm holds RGB only; use .png\n"
    assert invoke("decompress", "alpha.nlc", "alpha.webp", *MODEL).exit_code == 0


# Every flag


def test_every_flag_is_tested_here_or_in_a_file_beside():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for command in (main, *main.commands.values()):
        context = click.Context(command, info_name=command.name, **main.context_settings)
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option):
                for flag in (*parameter.opts, *parameter.secondary_opts):
                    assert f'"{flag}"' in text, f"{command.name} {flag}"


def test_model_takes_a_path_or_the_name_of_a_shipped_model():
    for name in ("default", "model.nlm"):
        assert invoke("compress", "photo.png", f"{name}.nlc", "--model", name).exit_code == 0
    assert (
        container.parse(Path("default.nlc").read_bytes()).model_id
        != container.parse(Path("model.nlm.nlc").read_bytes()).model_id
    )
    assert invoke("verify", "default.nlc").exit_code == 0
    assert invoke("decompress", "default.nlc").exit_code == 0
    assert invoke("verify", "model.nlm.nlc", "--model", "model.nlm").exit_code == 0


def test_the_model_learns_unless_that_is_not_wanted():
    for flag, methods in (("--learn", {"learning": 1}), ("--no-learn", {"mixture": 1})):
        assert invoke("compress", "photo.png", "photo.nlc", "-f", flag, "--effort", "1", *MODEL).exit_code == 0
        assert json.loads(invoke("info", "photo.nlc", "--json").stdout)["methods"] == methods


def test_without_the_model_flag_the_shipped_model_is_used():
    assert invoke("compress", "photo.png").exit_code == 0
    assert invoke("compress", "photo.png", "named.nlc", "--model", "default").exit_code == 0
    assert Path("photo.nlc").read_bytes() == Path("named.nlc").read_bytes()
    assert invoke("decompress", "photo.nlc", "back.png").exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("back.png")), np.asarray(Image.open("photo.png")))


def test_tile_sets_the_largest_side_of_a_tile():
    assert invoke("compress", "photo.png", "--tile", "16", *MODEL).exit_code == 0
    found = json.loads(invoke("info", "photo.nlc", "--json").stdout)
    assert (found["tile"], found["tiles"]) == (16, 2)


def test_more_effort_is_never_larger_and_gives_the_same_pixels(pixels):
    sizes = []
    for level in ("1", "5", "7"):
        assert invoke("compress", "photo.png", "-f", "--effort", level, *MODEL).exit_code == 0
        sizes.append(Path("photo.nlc").stat().st_size)
        assert invoke("decompress", "photo.nlc", "back.png", "-f", *MODEL).exit_code == 0
        np.testing.assert_array_equal(np.asarray(Image.open("back.png")), pixels)
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_gives_the_same_bytes_or_says_why_it_cannot(backend):
    result = invoke("compress", "photo.png", "--backend", backend, *MODEL)
    if backend.startswith("torch") and result.exit_code:
        assert_failed(result, f"backend {backend}", "--backend numpy")
        return
    assert Path("photo.nlc").read_bytes() == Path("file.nlc").read_bytes()
    assert invoke("decompress", "photo.nlc", "back.png", "--backend", backend, *MODEL).exit_code == 0
    assert invoke("verify", "photo.nlc", "--backend", backend, *MODEL).exit_code == 0


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_gives_the_same_pixels(decoder, pixels):
    assert invoke("compress", "photo.png", "--decoder", decoder, *MODEL).exit_code == 0
    assert Path("photo.nlc").read_bytes() == Path("file.nlc").read_bytes()
    assert invoke("decompress", "file.nlc", "--decoder", decoder, *MODEL).exit_code == 0
    np.testing.assert_array_equal(np.asarray(Image.open("file.png")), pixels)
    assert invoke("verify", "file.nlc", "--decoder", decoder, *MODEL).exit_code == 0


def test_the_flags_reach_the_codec(monkeypatch):
    seen = []

    class StopError(Exception):
        pass

    def record(*arguments, **options):
        seen.append(next(value for value in arguments if isinstance(value, codec.Options)))
        raise StopError

    monkeypatch.setattr("nelloc.files.encode_pixels", record)
    monkeypatch.setattr("nelloc.files.decode_files", record)
    monkeypatch.setattr("nelloc.files.decode_slices", record)
    flags = {"--backend": "reference", "--decoder": "parallel", "--threads": "2", "--max-pixels": "4000"}
    flags["--model"] = "model.nlm"
    for command in (
        ["compress", "photo.png", "--tile", "17", "--effort", "3"],
        ["decompress", "file.nlc"],
        ["verify", "file.nlc"],
    ):
        with pytest.raises(StopError):
            invoke(*command, *(word for pair in flags.items() for word in pair))
        found = seen.pop()
        assert (found.backend, found.decoder, found.threads, found.max_pixels) == ("reference", "parallel", 2, 4000)
        assert found.model == "model.nlm"
        assert (found.tile, found.effort) == ((17, 3) if command[0] == "compress" else (None, DEFAULT_EFFORT))


def test_threads_change_nothing_but_the_time(pixels):
    for threads in ("1", "2", "7"):
        assert invoke("compress", "photo.png", "-f", "--tile", "16", "--threads", threads, *MODEL).exit_code == 0
        data = Path("photo.nlc").read_bytes()
        assert data == codec.encode(pixels, model="model.nlm", tile=16)
        assert invoke("decompress", "photo.nlc", "back.png", "-f", "--threads", threads, *MODEL).exit_code == 0
        np.testing.assert_array_equal(np.asarray(Image.open("back.png")), pixels)


def test_max_pixels_refuses_larger_images():
    for command, name in (
        ("compress", "photo.png"),
        ("decompress", "file.nlc"),
        ("info", "file.nlc"),
        ("verify", "file.nlc"),
    ):
        model = () if command == "info" else MODEL
        assert_failed(invoke(command, name, "--max-pixels", "99", *model), name, "limit of 99", "--max-pixels")
    assert invoke("compress", "photo.png", "--max-pixels", "100", *MODEL).exit_code == 0


def test_max_pixels_is_the_limit_instead_of_pillows_own(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    result = invoke("compress", "photo.png", *MODEL)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)


@pytest.mark.parametrize("flag", ["-f", "--force"])
def test_an_existing_output_is_kept_without_force_and_replaced_with_it(flag):
    for command, name, target in (("compress", "photo.png", "photo.nlc"), ("decompress", "file.nlc", "file.png")):
        Path(target).write_bytes(b"old")
        result = invoke(command, name, *MODEL)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"nelloc: {target}: exists already; use --force to replace it\n"
        assert Path(target).read_bytes() == b"old"
        assert invoke(command, name, flag, *MODEL).exit_code == 0
        assert Path(target).read_bytes() != b"old"


def test_compress_verifies_what_it_encoded_unless_told_not_to(monkeypatch):
    def wrong(files, *others, **options):
        return [from_array(np.zeros((file.height, file.width, 3), np.uint8)) for file in files]

    monkeypatch.setattr(codec, "decode_files", wrong)
    assert_failed(invoke("compress", "photo.png", *MODEL), "does not decode to the same pixels")
    assert_failed(invoke("compress", "photo.png", "--verify", *MODEL), "does not decode to the same pixels")
    assert invoke("compress", "photo.png", "--no-verify", *MODEL).exit_code == 0
    assert Path("photo.nlc").read_bytes() == Path("file.nlc").read_bytes()


def test_json_is_one_valid_object_on_standard_output():
    result = invoke("compress", "photo.png", "--json", *MODEL)
    size = Path("photo.nlc").stat().st_size
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "source": "photo.png",
        "target": "photo.nlc",
        "source_bytes": Path("photo.png").stat().st_size,
        "target_bytes": size,
        "width": 20,
        "height": 5,
        "planes": 3,
        "left_out": [],
        "bits_per_dimension": 8 * size / 300,
    }
    result = invoke("decompress", "photo.nlc", "--json", "-f", *MODEL)
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert (found["source"], found["target"]) == ("photo.nlc", "photo.png")
    assert (found["source_bytes"], found["width"], found["height"]) == (size, 20, 5)


def test_json_is_refused_where_standard_output_is_the_data():
    for command in (
        ["compress", "-"],
        ["decompress", "-"],
        ["compress", "photo.png", "-"],
        ["decompress", "file.nlc", "-"],
    ):
        result = invoke(*command, "--json", *MODEL, data=b"")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--json" in result.stderr


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_quiet_prints_nothing(flag):
    for command in (
        ["compress", "photo.png"],
        ["decompress", "photo.nlc", "back.png"],
        ["verify", "photo.nlc", "file.nlc"],
    ):
        result = invoke(*command, flag, "-v", *MODEL)
        assert (result.exit_code, result.output) == (0, "")


def test_quiet_does_not_hide_errors():
    assert_failed(invoke("compress", "absent.png", "-q", *MODEL), "absent.png")


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_verbose_prints_more_on_standard_error(flag):
    for command in (
        ["compress", "photo.png"],
        ["decompress", "photo.nlc", "back.png"],
        ["verify", "photo.nlc", "file.nlc"],
    ):
        plain, more = (
            invoke(*command, *MODEL),
            invoke(*command, flag, *(["-f"] if command[0] != "verify" else []), *MODEL),
        )
        assert more.stdout == plain.stdout
        assert more.stderr.startswith(plain.stderr)
        assert len(more.stderr) > len(plain.stderr)


def test_version_is_that_of_the_package():
    result = invoke("--version")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"nelloc, version {nelloc.__version__}\n", "")


# Info and verify


def test_info_shows_what_the_header_says():
    assert "(model, beside the file)" in invoke("info", "file.nlc").stdout
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


def test_info_and_verify_read_standard_input():
    data = Path("file.nlc").read_bytes()
    assert "20 x 5" in invoke("info", "-", data=data).stdout
    assert invoke("verify", "-", *MODEL, data=data).exit_code == 0
    assert_failed(invoke("info", "-", data=data[:-1]), "standard input: ")


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


# What fails


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_file_gives_one_line(command):
    assert_failed(invoke(command, "absent.nlc"), "absent.nlc", "cannot be read")


@pytest.mark.parametrize("command", ["decompress", "info", "verify"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "random", "text", "extended"])
def test_a_damaged_file_gives_one_line_and_no_output(command, damage):
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
    assert_failed(invoke("decompress", "file.nlc", "photo.jpg", *MODEL), "photo.jpg", "lossless")


@pytest.mark.parametrize("command", ["compress", "decompress"])
@pytest.mark.parametrize("name", [".", "", "/"])
def test_a_name_of_no_file_gives_one_line(command, name):
    assert_failed(invoke(command, name, *MODEL), "is a folder")


@pytest.mark.parametrize("command", ["compress", "decompress", "verify"])
def test_a_missing_or_wrong_model_gives_one_line(command):
    name = "photo.png" if command == "compress" else "file.nlc"
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
        ["info", "a", "b"],
        ["verify"],
        ["unpack", "a"],
        ["--unknown"],
        *([command, "file.nlc", "--unknown"] for command in COMMANDS),
        *(["compress", "photo.png", "--effort", level] for level in ("0", "10", "x")),
        *(["compress", "photo.png", "--tile", size] for size in ("15", "4097", "0", "-1", "x")),
        *([command, "file.nlc", "--threads", "0"] for command in ("compress", "decompress", "verify")),
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


# Streams


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_standard_output_gives_one_line():
    for arguments in (
        ["compress", "photo.png", "-", *MODEL],
        ["info", "file.nlc"],
        ["verify", "file.nlc", "--json", *MODEL],
    ):
        with open("/dev/full", "wb") as full:
            done = run(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1
        assert done.stderr.startswith(b"nelloc: standard output: cannot be written")
        assert done.stderr.count(b"\n") == 1


def test_a_reader_that_goes_away_gives_no_traceback():
    for arguments in (["compress", "photo.png", "-", "-q", *MODEL], ["info", "file.nlc"]):
        command = [sys.executable, "-m", "nelloc", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 1


def test_closed_streams_give_one_line():
    for redirection, arguments, name in ((">&-", ["photo.png", "-"], b"output"), ("<&-", ["-", "-"], b"input")):
        shell = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-m", "nelloc", "compress"]
        done = subprocess.run([*shell, *arguments, *MODEL], check=False, capture_output=True, env=ENVIRONMENT)
        assert done.returncode == 1
        assert done.stderr.startswith(b"nelloc: standard " + name)
        assert done.stderr.count(b"\n") == 1


def test_a_name_that_is_not_text_is_no_problem():
    name = b"\xff.nlc"
    try:
        Path(os.fsdecode(name)).write_bytes(Path("file.nlc").read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    for arguments in (["info"], ["info", "--json"], ["verify", *MODEL]):
        done = run(*arguments, name)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"nlc" in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("quiet", "terminal"), [(False, True), (True, True), (False, False)])
def test_a_bar_shows_on_a_terminal_once_the_work_has_taken_a_second(monkeypatch, quiet, terminal):
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    now = 1000.0
    monkeypatch.setattr("tqdm.std.time", lambda: now)
    with common.coding(common.Printer(quiet=quiet), threads=1) as options:
        options.progress.expect(4_000_000)
        options.progress.advance(1_000_000)
        assert stream.getvalue() == ""
        now += 1.05
        options.progress.advance(1_000_000)
        shown = stream.getvalue()
    if quiet or not terminal:
        assert shown == ""
    else:
        assert "2.00/4.00 Mpx" in shown
        assert "Mpx/s" in shown


# Help


@pytest.mark.parametrize("command", ["nelloc", *main.commands])
def test_help_is_the_text_in_the_help_folder(command):
    """To write the files anew after a change: NELLOC_WRITE_HELP=1 python -m pytest tests/cli -k help"""
    arguments = [] if command == "nelloc" else [command]
    runner = CliRunner()
    results = [
        runner.invoke(main, [*arguments, flag], prog_name="nelloc", terminal_width=80) for flag in ("-h", "--help")
    ]
    assert results[0].stdout == results[1].stdout
    assert [result.exit_code for result in results] == [0, 0]
    file = HELP / f"{command}.txt"
    if "NELLOC_WRITE_HELP" in os.environ:
        file.write_text(results[1].stdout)
    assert results[1].stdout == file.read_text(), test_help_is_the_text_in_the_help_folder.__doc__


def test_every_help_says_the_exit_statuses():
    for file in HELP.glob("*.txt"):
        assert "Exit status: 0 " in file.read_text()


# What the command line says of the codec without importing it


def test_the_names_that_the_command_line_offers_are_those_of_the_codec():
    assert tuple(DECODERS) == common.DECODER_NAMES
    assert tuple(BACKENDS) == common.BACKEND_NAMES


def test_the_defaults_of_the_command_line_are_those_of_the_codec():
    defaults = codec.Options()
    for command in (main.commands[name] for name in COMMANDS):
        given = command.make_context(command.name, ["IN"]).params
        for name in given.keys() & {"model", "backend", "decoder", "threads", "max_pixels", "tile"}:
            assert given[name] == getattr(defaults, name), f"{command.name}: {name}"
    tile = next(parameter.type for parameter in main.commands["compress"].params if parameter.name == "tile")
    assert (tile.min, tile.max) == (MIN_TILE, MAX_TILE)
    assert (defaults.backend, defaults.decoder, defaults.effort) == (DEFAULT_BACKEND, DEFAULT_DECODER, DEFAULT_EFFORT)
    assert defaults.max_pixels == container.MAX_PIXELS


def imported(script: str) -> set[str]:
    """The modules that a process has imported after ``script``."""
    code = f"import sys\n{script}\nprint(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT)
    return set(done.stderr.split())


def test_import_and_help_wait_for_nothing_heavy():
    script = "import nelloc\nfrom nelloc.cli.main import main\n"
    for command in ([], *([name] for name in main.commands)):
        script += f"main({[*command, '--help']}, standalone_mode=False)\n"
    found = imported(script)
    assert "nelloc.cli.main" in found
    assert not found & set(HEAVY)


def test_compress_and_decompress_import_no_torch():
    script = "from nelloc.cli.main import main\n"
    for command in (
        ["compress", "photo.png", "-q", *MODEL],
        ["decompress", "photo.nlc", "back.png", "-q", *MODEL],
        ["verify", "photo.nlc", "-q", *MODEL],
    ):
        script += f"try:\n    main({command})\nexcept SystemExit as end:\n    assert not end.code\n"
    found = imported(script)
    assert "numpy" in found
    assert Path("back.png").exists()
    assert not {name for name in found if name.split(".")[0] == "torch"}


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_a_torch_backend_without_torch_gives_one_line():
    assert_failed(invoke("compress", "photo.png", "--backend", "torch-float32", *MODEL), "nelloc[train]")
