"""libnelloc under sanitizers: damage, want of memory, hostile files, and what fuzzing has found."""

from __future__ import annotations

import io
import resource
import shutil
import struct
import subprocess
import zlib
from binascii import crc_hqx
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from compiling import FEWER_LEVELS, NATIVE, SANITIZED, run
from decoder_library import FILES, MODELS, SHIPPED, build_decoder, given, needs_libraries, sanitized
from jpeg_samples import keep, picture, saved
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.codec.format import Method
from nelloc.image.kinds import Kind
from nelloc.varint import varint


def small_files(most: int) -> list[str]:
    return [str(path) for path in FILES if path.stat().st_size <= most and not path.stem.startswith("shipped")]


def test_cut_and_changed_files_give_an_error_or_the_right_pixels(tmp_path):
    program = sanitized("damaged_files", tmp_path)
    # The gray one, kept-1, is coded like that in colour, and each needs large tables for each of thousands of changes.
    spoiled = [*SPOILED, *(path for path in jpegs(tmp_path) if "kept-1" not in path)]
    said = run([str(program), *given([GOLDEN / "model.nlm"]), *spoiled])
    assert said.count("changes refused") == len(spoiled)


def jpegs(folder: Path) -> list[str]:
    """Small files that keep a JPEG file, as coefficients and as it is, and one whose picture was a JPEG."""
    colours, gray = saved(picture(20, 17), quality=20), saved(picture(17, 9).convert("L"), quality=90)
    for number, (data, form) in enumerate([(colours, None), (gray, None), (gray, 0)]):
        keep(folder / f"kept-{number}.nlc", data, form)
    pixels = np.asarray(Image.open(io.BytesIO(saved(picture(40, 33), quality=30, subsampling=2)))).copy()
    pixels[3, 4] += 1
    (folder / "past.nlc").write_bytes(nelloc.encode(pixels, past=True))
    return [str(folder / name) for name in ("kept-0.nlc", "kept-1.nlc", "kept-2.nlc", "past.nlc")]


# Of every layout, method and kind of section, the smallest.
SPOILED = [
    str(GOLDEN / f"{name}.nlc")
    for name in ("column", "joined-la", "kind-bilevel", "kind-palette", "levels-joined", "pixel", "small-adaptive")
]


@pytest.mark.slow
def test_all_small_files_cut_and_changed(tmp_path):
    program = sanitized("damaged_files", tmp_path)
    run([str(program), *given([*MODELS, *SHIPPED]), *small_files(2500)])


def allocations_that_failed(folder: Path, files: Sequence[Path]) -> int:
    """Let each allocation fail while files are decoded, and such that have JPEGs."""
    program = sanitized("decoder_memory", folder, "-Dmalloc=failing_malloc", "-Dfree=counting_free")
    return int(run([str(program), *given(MODELS), *map(str, files), *jpegs(folder)]).split()[0])


def test_each_allocation_of_the_decoder_may_fail_and_limits_are_kept(tmp_path):
    names = ("differences-photograph", "embedded", "kind-la16", "kind-metadata", "kind-palette", "learning-model-gray")
    names += ("levels-rgb", "rows-plane", "small-adaptive", "two-layers-photograph", "whole-model")
    assert allocations_that_failed(tmp_path, [GOLDEN / f"{name}.nlc" for name in names]) > 800


@pytest.mark.slow
def test_each_allocation_may_fail_of_all_methods_layouts_and_sections(tmp_path):
    """The decoder allocates nowhere that these files do not reach, as gcov tells."""
    # Each lattice is a table that takes long to make, and shipped models are large.
    left_out = (
        "lattice-",
        "shipped",
        "learning-default",
        "learning-fast",
        "small-default",
        "small-fast",
        "two-layers-sh",
    )
    small = [path for path in FILES if path.stat().st_size <= 10000 and not path.stem.startswith(left_out)]
    assert allocations_that_failed(tmp_path, [*small, GOLDEN / "lattice-jfif.nlc"]) > 2500


def test_what_the_header_promises_beside_pixels(tmp_path):
    """Rows any number of bytes apart, sentences, results of failures, and memory that other files do not take."""
    program = sanitized("promises", tmp_path)
    names = ("kind-la16", "kind-rgb16", "learning-default", "lattice-jfif", "shipped-high", "learning-fast-gray")
    files = [*(str(GOLDEN / f"{name}.nlc") for name in (*names, "kind-palette", "levels-rgb")), *jpegs(tmp_path)]
    assert run([str(program), *given([*MODELS, *SHIPPED]), *files]) == f"{len(files)} files\n"


def test_decoders_of_several_threads_share_nothing(tmp_path):
    """Under ThreadSanitizer, which tells of memory that two threads use."""
    compiler = shutil.which("clang") or shutil.which("gcc") or "cc"
    needs_libraries(compiler)
    flags = ["-O1", "-g1", "-fsanitize=thread", *FEWER_LEVELS]
    tried = subprocess.run(
        [compiler, *flags, "-x", "c", "-", "-o", tmp_path / "empty"], input=b"int main(void) { return 0; }\n"
    )
    if tried.returncode or subprocess.run([tmp_path / "empty"], check=False).returncode:
        pytest.skip("the compiler has no ThreadSanitizer that works here")
    program = build_decoder(compiler, ["tests/two_threads.c"], tmp_path, [*flags, "-pthread"])
    names = (
        "embedded",
        "kind-palette",
        "learning-model-gray",
        "rows-plane",
        "small-adaptive",
        "lattice-jfif",
        "levels-rgb",
        "joined-la",
    )
    files = [*(str(GOLDEN / f"{name}.nlc") for name in names), *jpegs(tmp_path)]
    said = run([str(program), *given([*MODELS, *SHIPPED]), *files])
    assert said == f"{len(files)} files in 4 threads\n"


def test_what_fuzzing_has_found_is_decoded_without_a_fault(tmp_path):
    compiler = shutil.which("gcc") or shutil.which("clang") or "cc"
    needs_libraries(compiler)
    own = [path for path in MODELS if path.stem.startswith("model")]
    program = build_decoder(
        compiler, ["fuzz/replay.c", "fuzz/fuzz_file.c"], tmp_path, (*SANITIZED, *FEWER_LEVELS), models=own
    )
    corpus = sorted(map(str, (NATIVE / "fuzz" / "corpus" / "file").iterdir()))
    assert run([str(program), *corpus]) == f"{len(corpus)} files\n"


def tiled_head(width: int, height: int, tile: int, sections: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """The beginning of a file of the tiled layout, with right checksums."""
    head = b"\x8eNL\n" + bytes([0x11, int(Kind.RGB)]) + bytes(4)
    head += varint(width) + varint(height) + varint(tile)
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
    index = bytes([Method.CONSTANT, 0]) * many
    cases = {
        "large-tile.nlc": one_tile(4096, 4096, Method.STORED, b"\1"),  # 48 MiB of samples
        "large-adaptive.nlc": one_tile(4096, 4096, Method.ADAPTIVE, b"\4" + bytes(5000) + b"\1"),
        "levels.nlc": tiled_head(8, 8, 16, [(0x89, bomb(1 << 26))]) + bytes([Method.CONSTANT, 0]),
        "unpacked.nlc": tiled_head(8, 8, 16, [(1, bomb(1 << 26))]) + bytes([Method.CONSTANT, 0]),
        "too-many.nlc": tiled_head(1 << 14, 1 << 14, 16),
        "index.nlc": tiled_head(16 * many, 16, 16) + index + struct.pack("<I", zlib.crc32(index)) + bytes(4 * many),
        "items.nlc": tiled_head(8, 8, 16, [(1, bomb(1 << 22))]) + bytes([Method.CONSTANT, 0]),
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        # With the file, the caller's pixels and the program itself; what takes more is told as want of memory.
        most = limit + len(content) + (24 << 20)
        said = run_within(most, [str(hash_files), "plain", "-b", str(limit), "-r", "0,0,8,8", str(path)])
        assert " error " in said, name
        assert "not enough memory" not in said, name
    command = [str(hash_files), "plain", "-b", str(2 * limit), "-r", "0,0,8,8", str(tmp_path / "large-tile.nlc")]
    assert " error " not in run_within(3 * limit, command)


def run_within(memory: int, command: list[str]) -> str:
    """What a program prints that may have so many bytes of memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=limit).stdout
