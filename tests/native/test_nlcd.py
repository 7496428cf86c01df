"""nlcd: what it writes, says and returns."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compiling import NATIVE
from decoder_library import FILES, MODELS, golden_image
from materials import GOLDEN, encode_by
from PIL import Image

import nelloc
from nelloc.codec.format import Method
from nelloc.codec.lattice import OnLattice
from nelloc.codec.search import Trial
from nelloc.exact.lattice import Rule
from nelloc.image import read

PHOTOGRAPH = NATIVE.parent / "docs" / "images" / "parrots.png"


def make_mixed(folder: Path) -> list[Path]:
    """Images of all kinds as .nlc files."""
    random = np.random.default_rng(5)
    photograph = np.asarray(Image.open(PHOTOGRAPH).convert("RGB"))[40:100, 60:160]
    ramp = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint16) * 300
    screen = np.full((40, 80, 3), 240, np.uint8)
    screen[8:20, 8:60] = (20, 40, 160)
    screen[30:34, 10:70:3] = 0
    noise = random.integers(0, 256, (40, 50, 3), np.uint8)
    alpha = np.where(np.hypot(*np.indices((60, 100)) - np.array([30, 50])[:, None, None]) < 25, 255, 0)
    images = {
        "photograph": photograph,
        "gray": photograph[:, :, 1],
        "rgba": np.dstack([photograph, alpha.astype(np.uint8)]),
        "la": np.dstack([photograph[:, :, 0], alpha.astype(np.uint8)]),
        "screen": screen,
        "noise": noise,
        "bits": photograph[:, :, 0] > 100,
        "gray16": ramp + random.integers(0, 40, ramp.shape).astype(np.uint16),
        "rgb16": photograph[:30, :40].astype(np.uint16) * 257 + random.integers(0, 9, (30, 40, 3)).astype(np.uint16),
    }
    made = []
    for name, array in images.items():
        for options in ({}, {"tile": 32}, {"model": "fast", "learn": False}):
            if options and name not in ("photograph", "rgba"):
                continue
            path = folder / f"{name}-{len(made)}.nlc"
            path.write_bytes(nelloc.encode(array, **options))
            made.append(path)
    palette = Image.fromarray(photograph).quantize(40)
    palette.save(folder / "palette.png", transparency=3, dpi=(72, 72))
    nelloc.compress(folder / "palette.png", folder / "palette.nlc")
    return [*made, folder / "palette.nlc"]


def test_nlcd_writes_the_image_that_python_decodes(nlcd, tmp_path):
    for path in make_mixed(tmp_path):
        ours, theirs = tmp_path / f"{path.stem}-nlcd.png", tmp_path / f"{path.stem}-python.png"
        done = nlcd(path, ours)
        assert done.returncode == 0, done.stderr
        nelloc.decompress(path, theirs)
        assert read(ours.read_bytes(), "nlcd").same_as(read(theirs.read_bytes(), "nelloc")), path


@pytest.mark.skipif(os.name == "nt", reason="files have no such permissions here")
def test_an_image_is_no_more_open_than_its_file(nlcd, tmp_path):
    (tmp_path / "a.nlc").write_bytes(nelloc.encode(np.zeros((3, 4), np.uint8)))
    for mode in (0o600, 0o444, 0o644):
        (tmp_path / "a.nlc").chmod(mode)
        assert nlcd(tmp_path / "a.nlc", tmp_path / f"{mode}.png").returncode == 0
        assert (tmp_path / f"{mode}.png").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nlcd_writes_what_a_golden_file_was_made_of(nlcd, path, tmp_path):
    models = [argument for model in MODELS for argument in ("--model", model)]
    done = nlcd(*models, path, tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    back, image = read((tmp_path / "out.png").read_bytes(), path.name), golden_image(path)
    assert back.kind == image.kind
    assert back.metadata == image.metadata
    assert (back.transparent, back.palette) == (image.transparent, image.palette)
    assert all(np.array_equal(a, b) for a, b in zip(back.groups, image.groups, strict=True))


@pytest.mark.parametrize(("lattice", "mebibytes"), [(False, 6), (True, 8)])
def test_a_tile_of_the_default_size_is_decoded_in_little_memory(nlcd, tmp_path, lattice, mebibytes):
    path = tmp_path / "tile.nlc"
    path.write_bytes(nelloc.encode(np.asarray(Image.open(PHOTOGRAPH))[:, :512], lattice=lattice, verify=False))
    assert nlcd("--memory", str(mebibytes), path, tmp_path / "tile.ppm").returncode == 0
    assert "memory" in nlcd("--memory", str(mebibytes // 2), path, tmp_path / "half.ppm").stderr


def test_so_is_one_that_knows_the_colours_that_it_has_seen(nlcd, tmp_path):
    path, seen = tmp_path / "tile.nlc", Trial(Method.LATTICE, OnLattice(Rule.SEEN, Method.TWO_LAYERS))
    path.write_bytes(encode_by(seen, np.asarray(Image.open(PHOTOGRAPH))[:, :512], verify=False))
    assert nlcd("--memory", "8", path, tmp_path / "tile.ppm").returncode == 0


def test_regions_are_those_of_the_whole(nlcd, tmp_path):
    path = GOLDEN / "learning-photograph.nlc"
    whole = np.asarray(Image.open(path.with_suffix(".png")))
    for x, y, width, height in [(0, 0, 90, 70), (31, 0, 2, 70), (89, 69, 1, 1), (20, 25, 50, 10)]:
        out = tmp_path / "part.png"
        done = nlcd("-f", "--model", GOLDEN / "model.nlm", f"--region={x},{y},{width},{height}", path, out)
        assert done.returncode == 0, done.stderr
        assert np.array_equal(np.asarray(Image.open(out)), whole[y : y + height, x : x + width])
    for region, status in (("80,0,11,1", 1), ("0,0,0,4", 2), ("1,2,3", 2), ("4294967295,0,2,2", 1)):
        done = nlcd("--region", region, path, tmp_path / "none.png")
        assert (done.returncode, done.stdout) == (status, "")
        assert len(done.stderr.splitlines()) == 1


def test_formats(nlcd, tmp_path):
    path, image = GOLDEN / "kind-rgb16.nlc", golden_image(GOLDEN / "kind-rgb16.nlc")
    model = ("--model", GOLDEN / "model.nlm")
    planes = np.concatenate(image.groups).transpose(1, 2, 0)
    assert nlcd(*model, path, tmp_path / "a.ppm").returncode == 0
    assert np.array_equal(read((tmp_path / "a.ppm").read_bytes(), "a").planes.transpose(1, 2, 0), planes)
    assert nlcd(*model, "--format", "raw", path, "-", data=b"").stdout == planes.astype("<u2").tobytes()
    pam = nlcd(*model, "--format=pam", GOLDEN / "kind-rgba.nlc", "-", data=b"").stdout
    assert pam.startswith(b"P7\nWIDTH 20\nHEIGHT 15\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n")
    rgba = golden_image(GOLDEN / "kind-rgba.nlc")
    assert pam.partition(b"ENDHDR\n")[2] == np.concatenate(rgba.groups).transpose(1, 2, 0).tobytes()
    pbm = nlcd("--format", "pbm", GOLDEN / "kind-bilevel.nlc", "-", data=b"").stdout
    assert np.array_equal(read(pbm, "pbm").planes, golden_image(GOLDEN / "kind-bilevel.nlc").planes)
    for name in ("kind-rgba", "kind-palette", "kind-transparent"):
        done = nlcd(*model, GOLDEN / f"{name}.nlc", tmp_path / "no.ppm")
        assert done.returncode == 1
        assert "use pam or png" in done.stderr or "use png" in done.stderr
        assert not (tmp_path / "no.ppm").exists()


def test_netpbm_forms_are_those_that_hold_the_image(nlcd, tmp_path):
    model = ("--model", GOLDEN / "model.nlm")
    held = {
        "kind-rgb16": {"ppm": b"P6", "pgm": None, "pbm": None, "pnm": b"P6"},
        "kind-gray16": {"ppm": b"P5", "pgm": b"P5", "pbm": None, "pnm": b"P5"},
        "kind-bilevel": {"ppm": b"P4", "pgm": b"P4", "pbm": b"P4", "pnm": b"P4"},
        "kind-la": {"ppm": None, "pgm": None, "pbm": None, "pnm": None},
    }
    for name, forms in held.items():
        shutil.copy(GOLDEN / f"{name}.nlc", tmp_path)
        for form, magic in forms.items():
            for target in (tmp_path / f"out.{form}", None):
                made = target or tmp_path / f"{name}.{form}"
                done = nlcd(*model, "--format", form, tmp_path / f"{name}.nlc", *filter(None, [target]))
                assert done.returncode == (magic is None), (name, form)
                assert (made.read_bytes()[:2] if made.exists() else None) == magic
                assert len(done.stderr.splitlines()) == (magic is None)
                made.unlink(missing_ok=True)


def test_streams_and_outputs_that_exist(nlcd, tmp_path):
    path, out = GOLDEN / "small-default.nlc", tmp_path / "out.png"
    done = nlcd("-", "-", data=path.read_bytes())
    assert done.returncode == 0
    assert read(done.stdout, "stdout").same_as(golden_image(path))
    out.write_bytes(b"mine")
    done = nlcd(path, out)
    assert done.returncode == 1
    assert done.stderr == f"nlcd: {out}: exists already; use --force to replace it\n"
    assert out.read_bytes() == b"mine"
    assert nlcd("--force", path, out).returncode == 0
    assert read(out.read_bytes(), "out").same_as(golden_image(path))
    shutil.copy(path, tmp_path / "own.nlc")
    assert nlcd(tmp_path / "own.nlc").returncode == 0
    assert {file.name for file in tmp_path.iterdir()} == {"out.png", "own.nlc", "own.png"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 2),
        (("--nothing", "a"), 2),
        (("--level", "10", "a"), 2),
        (("--format", "bmp", "a"), 2),
        (("a", "b", "c"), 2),
        (("info",), 2),
        (("verify",), 2),
        (("--max-pixels",), 2),
        (("no-such-file.nlc",), 1),
        (("verify", "no-such-file.nlc"), 1),
        (("--help",), 0),
        (("--version",), 0),
    ],
)
def test_exit_status(nlcd, arguments, status):
    done = nlcd(*arguments)
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == (status > 0)
    assert bool(done.stdout) == (status == 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--region", "0,0,0,4", "a"), '--region cannot be "0,0,0,4"'),
        (("--region=1,2,3", "a"), '--region cannot be "1,2,3"'),
        (("--region", "1,2,3,4,5", "a"), '--region cannot be "1,2,3,4,5"'),
        (("--region", "-1,0,2,2", "a"), '--region cannot be "-1,0,2,2"'),
        (("--region", "0,0,1,4294967296", "a"), '--region cannot be "0,0,1,4294967296"'),
        (("--memory", "0", "a"), '--memory cannot be "0"'),
        (("--format=", "a"), '--format cannot be ""'),
        (("--level",), "a value is missing after --level"),
        (("-fx", "a"), "unknown option -fx"),
        (("-q=1", "a"), "unknown option -q=1"),
        (("--force=1", "a"), "unknown option --force=1"),
        (("info", "--force", "a"), "are for decoding"),
        (("verify", "--level", "3", "a"), "are for decoding"),
        (("-q", "verify"), "no file is given"),
    ],
)
def test_wrong_usage_is_told_by_its_option(nlcd, arguments, said):
    done = nlcd(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_arguments_stand_in_any_order(nlcd, installed, tmp_path):
    path, out = GOLDEN / "small-default.nlc", tmp_path / "out.png"
    out.write_bytes(b"old")
    assert nlcd(path, out, "-qf").stdout == ""
    assert read(out.read_bytes(), "out").same_as(golden_image(path))
    assert nlcd("-fqh").stdout.startswith("usage: ")
    assert nlcd("-q", "verify", path).returncode == 0
    done = nlcd("--memory", "64", "info", path)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"file   {path}")
    for name in ("info", "verify"):
        shutil.copy(path, tmp_path / name)
        command = [str(installed / "bin" / "nlcd"), "-q", "--", name]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
        assert (tmp_path / f"{name}.png").exists()


def test_the_manual_page_has_the_options_of_the_help(nlcd):
    page = (NATIVE / "tools" / "nlcd.1").read_text().replace("\\-", "-")
    options = set(re.findall(r"(?<![\w-])--?[a-z-]+", nlcd("--help").stdout.partition("\n\n")[2]))
    assert options > {"-f", "--force", "--region"}
    assert {option for option in options if f"{option}" not in page} == set()
    described = set(re.findall(r"^\.B[RI]* (?:(-\w)\b.*)?(--[a-z-]+)", page, re.M))
    assert {option for both in described for option in both if option} <= options


def test_what_cannot_be_opened_is_told_in_one_sentence(nlcd, tmp_path):
    whole = (GOLDEN / "small-default.nlc").read_bytes()
    tiled = (GOLDEN / "photograph.nlc").read_bytes()
    cases = {
        b"": "ends too early",
        b"GIF89a": "not an nlc file",
        whole[:-1]: "checksum",
        b"\x8eNL\r\n" + whole[4:]: "text-mode",
        b"\x8eNL\n\x24" + whole[5:]: "format version 2",
        b"\x8eNL\n\x18" + whole[5:]: "feature",
        tiled: "needs model",
        whole[:6] + b"\xc8" + whole[7:]: "model number 200",
    }
    for number, (content, said) in enumerate(cases.items()):
        path = tmp_path / f"{number}.nlc"
        path.write_bytes(content)
        done = nlcd("verify", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert done.stderr.startswith(f"nlcd: {path}: ")
        assert len(done.stderr.splitlines()) == 1
    done = nlcd("verify", GOLDEN / "small-default.nlc", NELLOC_CPU="abacus")
    assert (done.returncode, "NELLOC_CPU=abacus" in done.stderr) == (1, True)


def test_damage_is_told_tile_by_tile(nlcd, tmp_path):
    path, model = GOLDEN / "learning-photograph.nlc", ("--model", GOLDEN / "model.nlm")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1  # the checksum of the last tile
    bad, out = tmp_path / "bad.nlc", tmp_path / "out.png"
    bad.write_bytes(data)
    done = nlcd(*model, bad, out)
    assert (done.returncode, out.exists()) == (1, False)
    assert "tile 8 does not match its checksum" in done.stderr
    done = nlcd(*model, "--allow-damaged", bad, out)
    assert done.returncode == 1
    assert "tile 8 (60,46,30,24)" in done.stderr
    found, right = np.asarray(Image.open(out)), np.asarray(Image.open(path.with_suffix(".png")))
    assert (found[46:, 60:] == (255, 0, 255)).all()
    assert np.array_equal(found[:46], right[:46])
    assert np.array_equal(found[:, :60], right[:, :60])
    assert nlcd(*model, "-f", "--region", "0,0,60,70", bad, out).returncode == 0
    assert nlcd("info", bad).returncode == 1


def test_info(nlcd):
    done = nlcd("info", GOLDEN / "kind-metadata.nlc")
    assert done.returncode == 0
    assert "image  20 x 15, RGB\n" in done.stdout
    assert "model  624012c9" in done.stdout
    assert "ICC profile 81, gamma 4" in done.stdout


def test_info_of_several_files(nlcd, tmp_path):
    whole, missing = GOLDEN / "kind-metadata.nlc", tmp_path / "missing.nlc"
    damaged = tmp_path / "damaged.nlc"
    damaged.write_bytes(whole.read_bytes() + b"more")
    first, second = nlcd("info", whole), nlcd("info", damaged)
    assert (first.returncode, second.returncode) == (0, 1)
    assert first.stdout.startswith(f"file   {whole}\n")
    done = nlcd("info", whole, whole)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{first.stdout}\n{first.stdout}", "")
    done = nlcd("info", missing, whole, damaged, whole)
    assert done.returncode == 1
    assert done.stdout == f"{first.stdout}\n{second.stdout}\n{first.stdout}"
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [str(missing), str(damaged)]


@pytest.mark.skipif(os.name != "posix", reason="devices and links of POSIX")
def test_with_force_neither_the_input_nor_what_is_not_a_file_is_replaced(nlcd, tmp_path):
    source, other, pipe = tmp_path / "a.nlc", tmp_path / "b.png", tmp_path / "pipe.png"
    shutil.copy(GOLDEN / "pixel.nlc", source)
    other.symlink_to(source)
    os.mkfifo(pipe)
    (tmp_path / "null.png").symlink_to(os.devnull)
    for target, said in (
        (source, "is the input itself; give another output name"),
        (other, "is the input itself; give another output name"),
        (pipe, "is not a regular file; give a file name, or - for standard output"),
        (tmp_path, "is not a regular file; give a file name, or - for standard output"),
        (tmp_path / "null.png", "is not a regular file; give a file name, or - for standard output"),
    ):
        done = nlcd("--force", "--format", "png", source, target)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"nlcd: {target}: {said}\n")
    assert source.read_bytes() == (GOLDEN / "pixel.nlc").read_bytes()
    assert pipe.is_fifo()
    assert other.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nlc", "b.png", "null.png", "pipe.png"]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["pixel.nlc", "-"], ["info", "pixel.nlc"]])
def test_a_full_standard_output_is_told_once(installed, arguments):
    command = [str(installed / "bin" / "nlcd"), *arguments]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=GOLDEN)
    assert done.returncode == 1
    assert done.stderr == "nlcd: standard output: cannot be written (No space left on device); check its free space\n"


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="no /dev/zero")
def test_what_never_ends_is_refused_by_its_beginning(nlcd):
    done = nlcd("verify", "/dev/zero")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not an nlc file" in done.stderr
    done = nlcd("verify", "--model", "/dev/zero", GOLDEN / "photograph.nlc")
    assert (done.returncode, "needs model" in done.stderr) == (1, True)
