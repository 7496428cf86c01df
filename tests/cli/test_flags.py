"""Promises of the flags: each does what its help says."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import pytest
from materials import GOLDEN, on_lattice
from PIL import Image
from running import MODEL, assert_failed, invoke

import nelloc
from nelloc.cli.main import main
from nelloc.codec import container
from nelloc.codec.options import Options
from nelloc.exact.backends import BACKENDS
from nelloc.exact.decoders import DECODERS
from nelloc.exact.lattice import Rule
from nelloc.image import from_array

pytestmark = pytest.mark.usefixtures("photo_folder")


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
        assert_failed(result, f"backend {backend}", "use another --backend")
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

    def record(*arguments, **options):
        seen.append(next(value for value in arguments if isinstance(value, Options)))
        raise nelloc.NellocError("far enough")

    monkeypatch.setattr("nelloc.codec.encode.encode_pixels", record)
    monkeypatch.setattr("nelloc.files.convert.decode_files", record)
    monkeypatch.setattr("nelloc.files.convert.decode_slices", record)
    flags = {"--backend": "reference", "--decoder": "parallel", "--threads": "2", "--max-pixels": "4000"}
    flags["--model"] = "model.nlm"
    for command in (
        ["compress", "photo.png", "--tile", "17", "--effort", "3"],
        ["decompress", "file.nlc"],
        ["verify", "file.nlc"],
    ):
        assert_failed(invoke(*command, *(word for pair in flags.items() for word in pair)), "far enough")
        found = seen.pop()
        assert (found.backend, found.decoder, found.threads, found.max_pixels) == ("reference", "parallel", 2, 4000)
        assert found.model == "model.nlm"
        if command[0] == "compress":
            assert (found.tile, found.effort) == (17, 3)


def test_threads_change_nothing_but_the_time(pixels):
    for threads in ("1", "2", "7"):
        assert invoke("compress", "photo.png", "-f", "--tile", "16", "--threads", threads, *MODEL).exit_code == 0
        data = Path("photo.nlc").read_bytes()
        assert data == nelloc.encode(pixels, model="model.nlm", tile=16)
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

    monkeypatch.setattr("nelloc.codec.encode.decode_files", wrong)
    assert_failed(invoke("compress", "photo.png", *MODEL), "photo.png: does not decode to the same pixels")
    assert_failed(invoke("compress", "photo.png", "--verify", *MODEL), "photo.png: does not decode to the same pixels")
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
        "keeps": "pixels",
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


@pytest.mark.parametrize("flag", ["--lattice", "--no-lattice"])
def test_lattices_of_colours_are_looked_for_unless_that_is_left_out(flag):
    photograph = np.asarray(Image.open(GOLDEN / "photograph.png").convert("RGB"))
    Image.fromarray(on_lattice(photograph, Rule.PHOTO_CD)).save("lattice.png")
    assert invoke("compress", "lattice.png", flag, *MODEL).exit_code == 0
    methods = json.loads(invoke("info", "lattice.nlc", "--json").stdout)["methods"]
    assert any(method.startswith("lattice") for method in methods) == (flag == "--lattice")
    measured = json.loads(invoke("bench", "lattice.png", flag, "--peer", "png", "--json", "--no-memory").stdout)
    assert {row["codec"] for row in measured["codecs"]} >= {"nelloc default"}
