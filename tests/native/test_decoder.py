"""libnelloc and nlcd: the pixels that Python decodes, an error for everything else, within the memory allowed."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from binascii import crc_hqx
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from compiling import NATIVE, SANITIZED, run
from decoder_library import MODELS, SHIPPED, build_decoder, given, needs_libraries
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.image import read
from nelloc.image.kinds import Kind
from nelloc.varint import varint

FILES = sorted(GOLDEN.glob("*.nlc"))
PHOTOGRAPH = NATIVE.parent / "docs" / "images" / "parrots.png"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that CMake installs the library and nlcd to."""
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    needs_libraries("cc")
    build, prefix = (tmp_path_factory.mktemp(name) for name in ("build", "prefix"))
    # What is slow to compile is not what is tested here; models that are not built in are found elsewhere.
    settings = [
        "-DCMAKE_BUILD_TYPE=",
        "-DCMAKE_C_FLAGS=-O1",
        f"-DCMAKE_INSTALL_PREFIX={prefix}",
        "-DNELLOC_MODELS=default",
    ]
    run(["cmake", "-S", str(NATIVE), "-B", str(build), *settings])
    run(["cmake", "--build", str(build), "--parallel", "2"])
    run(["cmake", "--install", str(build)])
    return prefix


@pytest.fixture(scope="module")
def hash_files(installed, tmp_path_factory) -> Path:
    """The program that prints hashes of pixels, with the installed library."""
    target = tmp_path_factory.mktemp("hash") / "hash_files"
    flags = [f"-I{installed / 'include'}", f"-L{installed / 'lib'}", f"-Wl,-rpath,{installed / 'lib'}"]
    run(["cc", "-std=c11", "-O2", str(NATIVE / "tests" / "hash_files.c"), *flags, "-lnelloc", "-o", str(target)])
    return target


@pytest.fixture(scope="module")
def nlcd(installed):
    """nlcd as a function of its arguments; gives what subprocess does, text unless ``data`` are bytes."""

    def call(*arguments, data: bytes | None = None, **environment):
        command = [str(installed / "bin" / "nlcd"), *map(str, arguments)]
        env = os.environ | {"NELLOC_MODELS": str(SHIPPED[0].parent)} | environment
        return subprocess.run(command, input=data, capture_output=True, text=data is None, env=env, check=False)

    return call


def line_of(name: Path, image) -> str:
    """What the program prints of an image that Python has."""
    planes = np.concatenate([group.astype("<u2" if image.kind.deep else "u1") for group in image.groups])
    samples = np.ascontiguousarray(planes.transpose(1, 2, 0))
    return f"{name} {image.width} {image.height} {int(image.kind)} {zlib.crc32(samples.tobytes()):08x}"


def golden_image(path: Path):
    return read(path.with_suffix(".png").read_bytes(), path.name)


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


def test_golden_files_decode_to_their_pixels_on_every_cpu_level(hash_files):
    expected = [line_of(path, golden_image(path)) for path in FILES]
    levels = run([str(hash_files), "levels"]).split()
    assert "plain" in levels
    for level in levels:
        found = run([str(hash_files), level, *given([*MODELS, *SHIPPED]), *map(str, FILES)])
        assert found.splitlines() == expected, level


def test_nlcd_writes_the_image_that_python_decodes(nlcd, tmp_path):
    for path in make_mixed(tmp_path):
        ours, theirs = tmp_path / f"{path.stem}-nlcd.png", tmp_path / f"{path.stem}-python.png"
        done = nlcd(path, ours)
        assert done.returncode == 0, done.stderr
        nelloc.decompress(path, theirs)
        assert read(ours.read_bytes(), "nlcd").same_as(read(theirs.read_bytes(), "nelloc")), path


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


def test_regions_are_those_of_the_whole(hash_files, nlcd, tmp_path):
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


def test_streams_and_outputs_that_exist(nlcd, tmp_path):
    path, out = GOLDEN / "short-default.nlc", tmp_path / "out.png"
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
        (("--format", "jpg", "a"), 2),
        (("a", "b", "c"), 2),
        (("info", "a", "b"), 2),
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


def test_what_cannot_be_opened_is_told_in_one_sentence(nlcd, tmp_path):
    whole = (GOLDEN / "short-default.nlc").read_bytes()
    tiled = (GOLDEN / "photograph.nlc").read_bytes()
    cases = {
        b"": "ends too early",
        b"GIF89a": "not an nlc file",
        whole[:-1]: "checksum",
        b"\x8eNL\r\n" + whole[4:]: "text-mode",
        b"\x8eNL\n\x24" + whole[5:]: "format version 2",
        b"\x8eNL\n\x18" + whole[5:]: "feature",
        tiled: "needs model",
        whole[:6] + b"\xff" + whole[7:]: "model number 255",
    }
    for number, (content, said) in enumerate(cases.items()):
        path = tmp_path / f"{number}.nlc"
        path.write_bytes(content)
        done = nlcd("verify", path)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert done.stderr.startswith(f"nlcd: {path}: ")
        assert len(done.stderr.splitlines()) == 1
    done = nlcd("verify", GOLDEN / "short-default.nlc", NELLOC_CPU="abacus")
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


def test_the_example_works_with_the_installed_library(installed, tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")
    source = NATIVE / "tests" / "example.c"
    assert len(source.read_text().splitlines()) <= 66
    environment = os.environ | {"PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
    expected = [f"{x} {y}: {r} {g} {b} 255" for (y, x), (r, g, b) in pixels_of(GOLDEN / "short-default.png")]
    for static in (False, True):
        kind = ["--static"] if static else []
        command = ["pkg-config", *kind, "--cflags", "--libs", "nelloc"]
        flags = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        if static:
            flags = [str(installed / "lib" / "libnelloc.a") if flag == "-lnelloc" else flag for flag in flags]
        program = tmp_path / f"example-{static}"
        run(["cc", str(source), *flags, f"-Wl,-rpath,{installed / 'lib'}", "-o", str(program)])
        assert run([str(program), str(GOLDEN / "short-default.nlc")]).splitlines() == ["13 x 11", *expected]


def pixels_of(path: Path):
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return zip(np.ndindex(pixels.shape[:2]), pixels.reshape(-1, 3).tolist(), strict=True)


def test_only_documented_functions_are_exported(installed):
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    names = run(["nm", "-D", "--defined-only", str(installed / "lib" / "libnelloc.so")]).split()[2::3]
    header = (NATIVE / "include" / "nelloc.h").read_text()
    assert all(f"{name}(" in header for name in names)
    assert 8 <= len(names) <= 12
    assert not {"exit", "abort", "printf", "puts", "getenv"} & imported(installed / "lib" / "libnelloc.so")


def imported(library: Path) -> set[str]:
    """Names that a library takes from others."""
    return {line.split()[-1].partition("@")[0] for line in run(["nm", "-D", "-u", str(library)]).splitlines()}


# ---- Memory and damage, under sanitizers


def sanitized(program: str, folder: Path, *own: str) -> Path:
    """A program of native/tests with the library, under sanitizers."""
    compiler = shutil.which("gcc") or shutil.which("clang") or "cc"
    needs_libraries(compiler)
    return build_decoder(compiler, [f"tests/{program}.c"], folder, SANITIZED, own)


def small_files(most: int) -> list[str]:
    return [str(path) for path in FILES if path.stat().st_size <= most and not path.stem.startswith("shipped")]


def test_cut_and_changed_files_give_an_error_or_the_right_pixels(tmp_path):
    program = sanitized("damaged_files", tmp_path)
    said = run([str(program), *given([GOLDEN / "model.nlm"]), *SPOILED])
    assert said.count("changes refused") == len(SPOILED)


# Of every layout, method and kind of section, the smallest.
SPOILED = [
    str(GOLDEN / f"{name}.nlc")
    for name in ("column", "joined-la", "kind-bilevel", "kind-palette", "pixel", "short-adaptive")
]


@pytest.mark.slow
def test_all_small_files_cut_and_changed(tmp_path):
    program = sanitized("damaged_files", tmp_path)
    run([str(program), *given([*MODELS, *SHIPPED]), *small_files(2500)])


def test_each_allocation_of_the_decoder_may_fail_and_limits_are_kept(tmp_path):
    program = sanitized("decoder_memory", tmp_path, "-Dmalloc=failing_malloc", "-Dfree=counting_free")
    names = (
        "embedded",
        "kind-metadata",
        "kind-palette",
        "learning-model-gray",
        "rows-plane",
        "short-adaptive",
        "kind-la16",
    )
    said = run([str(program), *given(MODELS), *(str(GOLDEN / f"{name}.nlc") for name in names)])
    assert int(said.split()[0]) > 300


def test_what_fuzzing_has_found_is_decoded_without_a_fault(tmp_path):
    compiler = shutil.which("gcc") or shutil.which("clang") or "cc"
    needs_libraries(compiler)
    own = [path for path in MODELS if path.stem.startswith("model")]
    program = build_decoder(compiler, ["fuzz/replay.c", "fuzz/fuzz_file.c"], tmp_path, SANITIZED, models=own)
    corpus = sorted(map(str, (NATIVE / "fuzz" / "corpus" / "file").iterdir()))
    assert run([str(program), *corpus]) == f"{len(corpus)} files\n"


def tiled_head(width: int, height: int, tile: int, sections: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """The beginning of a file of the tiled layout, with right checksums."""
    head = b"\x8eNL\n" + bytes([0x11 | 2 * bool(sections), int(Kind.RGB)]) + bytes(4)
    head += varint(width) + varint(height) + varint(tile)
    if sections:
        head += varint(len(sections)) + b"".join(bytes([kind]) + varint(len(data)) for kind, data in sections)
    head += struct.pack("<H", crc_hqx(head, 0xFFFF))
    return head + b"".join(data + struct.pack("<I", zlib.crc32(data)) for _, data in sections)


def one_tile(width: int, height: int, method: int, data: bytes, tile: int = 4096) -> bytes:
    index = bytes([method]) + varint(len(data))
    parts = [tiled_head(width, height, tile)]
    return b"".join([*parts, index, struct.pack("<I", zlib.crc32(index)), data, struct.pack("<I", zlib.crc32(data))])


def bomb(size: int) -> bytes:
    """A section of metadata that unpacks to so many bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"\1" + packer.compress(bytes([9, 0]) * (size // 2)) + packer.flush()


def test_hostile_files_take_no_more_memory_than_allowed(hash_files, tmp_path):
    limit = 32 << 20
    many = 1 << 23
    index = bytes([1, 0]) * many
    cases = {
        "large-tile.nlc": one_tile(4096, 4096, 4, b"\1"),  # 48 MiB of samples
        "large-adaptive.nlc": one_tile(4096, 4096, 3, b"\4" + bytes(5000) + b"\1"),
        "unpacked.nlc": tiled_head(8, 8, 16, [(1, bomb(1 << 26))]) + bytes([1, 0]),
        "too-many.nlc": tiled_head(1 << 14, 1 << 14, 16),
        "index.nlc": tiled_head(16 * many, 16, 16) + index + struct.pack("<I", zlib.crc32(index)) + bytes(4 * many),
        "items.nlc": tiled_head(8, 8, 16, [(1, bomb(1 << 22))]) + bytes([1, 0]),
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        # The file, the caller's pixels, which are not touched, and a margin for programs.
        most = limit + len(content) + (24 << 20)
        said, peak = run_measured([str(hash_files), "plain", "-b", str(limit), "-r", "0,0,8,8", str(path)])
        assert " error " in said, name
        assert peak < most, name
    allowed, _ = run_measured([str(hash_files), "plain", "-r", "0,0,8,8", str(tmp_path / "large-tile.nlc")])
    assert " error " not in allowed


def run_measured(command: list[str]) -> tuple[str, int]:
    """What a program prints, and how much memory it took at most, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return said, usage.ru_maxrss * 1024


@pytest.mark.slow
def test_meson_builds_the_same(tmp_path):
    if shutil.which("meson") is None:
        pytest.skip("needs meson")
    needs_libraries("cc")
    run(["meson", "setup", str(tmp_path / "build"), str(NATIVE), f"--prefix={tmp_path / 'prefix'}", "--libdir=lib"])
    run(["meson", "install", "-C", str(tmp_path / "build")])
    assert {path.name for path in (tmp_path / "prefix" / "lib").iterdir()} >= {
        "libnelloc.a",
        "libnelloc.so",
        "pkgconfig",
    }
    done = run([str(tmp_path / "prefix" / "bin" / "nlcd"), "verify", str(GOLDEN / "short-default.nlc")])
    assert "whole, 13 x 11 pixels" in done
