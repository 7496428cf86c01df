"""Streams are read no further than their files go, in bounded memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from materials import GOLDEN

from nelloc.codec.checked_bytes import crc16
from nelloc.codec.format import SIGNATURE
from nelloc.varint import varint

resource = pytest.importorskip("resource", reason="limits of POSIX")

ADDRESS_SPACE = 1 << 29
ZEROS = Path("/dev/zero")
FILES = [*sorted(GOLDEN.glob("*.nlc")), *sorted(GOLDEN.glob("jpeg/*.nlc"))]
pytestmark = pytest.mark.skipif(not ZEROS.is_char_device(), reason="no /dev/zero")


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


@pytest.fixture(scope="session")
def stream_to_nlcd(installed):
    """nlcd as a function of bytes that come before endless zeros, and of arguments."""

    def call(data: bytes, *arguments: str) -> tuple[int, str]:
        command = [str(installed / "bin" / "nlcd"), *arguments]
        pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        env = os.environ | {"NELLOC_MODELS": str(GOLDEN)}
        with subprocess.Popen(command, **pipe, env=env, preexec_fn=limit_memory) as process:
            # What writes the zeros ends when nlcd closes its end.
            try:
                process.stdin.write(data)
                while process.poll() is None:
                    process.stdin.write(bytes(1 << 16))
            except BrokenPipeError:
                pass
            process.stdin = None
            said = process.stderr.read().decode()
        return process.returncode, said

    return call


def header(width: int, height: int, *sections: tuple[int, int], kind: int = 1, tile: int = 256) -> bytes:
    """The header of a tiled file with sections of these types and lengths."""
    made = SIGNATURE + bytes([0x11, kind]) + bytes(4) + varint(width) + varint(height) + varint(tile)
    made += varint(len(sections)) + b"".join(bytes([type_]) + varint(length) for type_, length in sections)
    return made + crc16(made)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_never_ends_is_refused_in_a_sentence(stream_to_nlcd, path):
    whole = path.read_bytes()
    for length in (5, 6, 20, 100, len(whole) // 2, len(whole)):
        status, said = stream_to_nlcd(whole[:length], "verify", "-")
        assert status == 1
        assert said.startswith("nlcd: standard input: ")
        assert "memory" not in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "arguments", "said"),
    [
        (header(8, 8, (0x81, (1 << 35) - 1)), [], "announces more than the 2214592512 bytes that are read of "),
        (header(8, 8, (1, 1 << 27)), ["--max-pixels", "64"], "announces more than the 67109376 bytes "),
        (header(8, 8, (0x86, 1 << 21)), ["--memory", "2"], "announces more than the 2097152 bytes "),
        (header(1 << 34, 1 << 34, tile=16), [], "pixels, above the limit of 268435456; "),
        (header(8, 8, kind=12), [], "holds an image of kind 12 "),
        (header(8, 8, tile=15), [], "its tile size 15 "),
        (header(8, 8)[:10] + b"\xff" * 5, [], "its header has a malformed number"),
        (header(8, 8, (1, 0))[:16] + b"\xff" * 5, [], "its header has a malformed number"),
        (header(8, 8) + b"\0" + b"\xff" * 5, [], "its header has a malformed number"),
        (SIGNATURE + b"\x21\0", [], "format version 2"),
        (b"GIF89a", [], "it is not an nlc file"),
    ],
)
def test_what_a_beginning_announces_is_bounded(stream_to_nlcd, data, arguments, said):
    status, found = stream_to_nlcd(data, "info", *arguments, "-")
    assert (status, found.count("\n")) == (1, 1)
    assert said in found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stream_is_told_what_its_file_is(nlcd, path, tmp_path):
    whole, cut = path.read_bytes(), tmp_path / "cut.nlc"
    for data in (*(whole[:length] for length in (0, 3, 12, 30, len(whole) - 1)), whole, whole + b"more"):
        cut.write_bytes(data)
        of_file, of_stream = nlcd("info", cut), nlcd("info", "-", data=data)
        assert of_stream.returncode == of_file.returncode
        assert of_stream.stderr.decode() == of_file.stderr.replace(str(cut), "standard input")


def test_a_larger_file_is_read_where_its_end_is_known(nlcd, tmp_path):
    whole = (GOLDEN / "small-default.nlc").read_bytes()
    (tmp_path / "large.nlc").write_bytes(whole + bytes(3 << 20))
    assert "zero byte" in nlcd("info", "--memory", "1", tmp_path / "large.nlc").stderr
    size = (1 << 20) + 4
    data = header(1 << 20, 1, (1, size - 4)) + bytes(size + (1 << 14))
    (tmp_path / "metadata.nlc").write_bytes(data)
    assert "checksum of the tile index" in nlcd("info", "--memory", "1", tmp_path / "metadata.nlc").stderr
    assert b"read of a stream" in nlcd("info", "--memory", "1", "-", data=data).stderr
    assert b"checksum of the tile index" in nlcd("info", "--memory", "2", "-", data=data).stderr
