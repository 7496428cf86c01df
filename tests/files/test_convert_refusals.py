"""Promises of compressing and decompressing files: inputs, models and damage that are refused change nothing."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from converting import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from materials import small_model_bytes

import nelloc
from nelloc.codec import container
from nelloc.codec import encode as codec
from nelloc.codec.container import TileRecord
from nelloc.codec.format import Method
from nelloc.codec.options import DecodeOptions
from nelloc.errors import NellocError, unreadable, unwritable
from nelloc.exact.decoders import DECODERS
from nelloc.files import convert as files
from nelloc.image import from_array

pytestmark = pytest.mark.usefixtures("model_only")


def test_a_missing_input_is_named(job, tmp_path):
    job.source.unlink()
    with refused(tmp_path, str(job.source), "cannot be read", "No such file"):
        job.run()


def test_an_input_that_is_a_folder_is_named(job, tmp_path):
    job.source.unlink()
    job.source.mkdir()
    with refused(tmp_path, str(job.source), "is a folder"):
        job.run()


@pytest.mark.parametrize("name", [".", "", "/", ".."])
@pytest.mark.parametrize("function", [files.compress, files.decompress])
def test_a_name_of_no_file_is_refused(function, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with refused(tmp_path, "folder"):
        function(name)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "raise the limit of open files"),
        (errno.ENFILE, "close other programs"),
        (errno.EIO, "check the disk"),
        (errno.EACCES, "check its name"),
        (errno.ENOSPC, "free space"),
    ],
)
def test_what_to_do_fits_the_reason_that_the_system_gives(number, remedy):
    error = OSError(number, os.strerror(number), "a.png")
    if number != errno.ENOSPC:
        assert remedy in str(unreadable("a.png", error))
    assert remedy in str(unwritable(Path("a.png"), error))


def test_files_that_the_system_does_not_open_are_not_called_absent_nor_to_be_removed(monkeypatch, tmp_path):
    from nelloc.exact import model_store
    from nelloc.training.data import load_image

    def full(*arguments, **options):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("builtins.open", full)
    for read in (load_image, model_store._read):
        with pytest.raises(NellocError, match=r"^a.png: cannot be read \(Too many open files\); close other files"):
            read(Path("a.png"))


def test_an_input_of_the_wrong_kind_is_refused(job, tmp_path):
    for data in (b"", b"text", b"\0" * 1000):
        job.source.write_bytes(data)
        with refused(tmp_path, str(job.source)):
            job.run()


def test_a_truncated_input_is_refused(job, tmp_path):
    data = job.source.read_bytes()
    for length in range(0, len(data) - 30, 5):  # the last bytes of a PNG are checksums and its end mark
        job.source.write_bytes(data[:length])
        with refused(tmp_path, str(job.source)):
            job.run()


def test_an_input_that_does_not_fit_in_memory_is_named(job, tmp_path, monkeypatch):
    def fail(*args, **options):
        raise MemoryError

    monkeypatch.setattr(codec, "encode_pixels", fail)
    monkeypatch.setattr(files, "decode_files", fail)
    with refused(tmp_path, str(job.source), "memory"):
        job.run()


def test_the_pixel_limit_holds_for_both_directions(job, tmp_path):
    with refused(tmp_path, str(job.source), "limit of 34", "--max-pixels"):
        job.run(max_pixels=34)
    job.run(max_pixels=35)


def test_a_lossy_output_format_is_refused_before_anything_is_decoded(compressed, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "decode_files", None)
    for name in ("out.gif", "out"):
        with refused(tmp_path, name, "lossless"):
            files.decompress(compressed, tmp_path / name)
    with refused(tmp_path, str(compressed), "holds pixels", ".jpg"):
        files.decompress(compressed, tmp_path / "out.jpg")


def test_an_image_that_the_output_format_cannot_hold_is_refused(compressed, tmp_path, small_model_path, monkeypatch):
    with refused(tmp_path, str(compressed), "RGB", ".pgm"):
        files.decompress(compressed, tmp_path / "gray.pgm", model=small_model_path)
    monkeypatch.setattr(files, "decode_files", lambda *args, **options: [from_array(np.zeros((1, 17000, 3), np.uint8))])
    with refused(tmp_path, str(compressed), "WEBP"):
        files.decompress(compressed, tmp_path / "wide.webp", model=small_model_path)


def test_the_wrong_model_is_named_with_the_one_that_is_needed(compressed, tmp_path, small_model):
    other = tmp_path / "other.nlm"
    other.write_bytes(small_model_bytes(seed=1))
    with refused(tmp_path, str(compressed), small_model.id.hex(), str(other)):
        files.decompress(compressed, model=other)


def test_a_model_that_is_not_installed_is_named(compressed, tmp_path, small_model):
    with refused(tmp_path, str(compressed), f"needs model {small_model.id.hex()}", "--model"):
        files.decompress(compressed)


def test_a_missing_model_file_is_named(job, tmp_path, monkeypatch):
    function = files.compress if job.source.suffix == ".png" else files.decompress
    with refused(tmp_path, "absent.nlm", "no such model", "default"):
        function(job.source, model=tmp_path / "absent.nlm")


def test_a_damaged_model_file_is_named(job, tmp_path):
    function = files.compress if job.source.suffix == ".png" else files.decompress
    whole = small_model_bytes()
    cut = "not a usable nelloc model"
    other = "not a nelloc model; give a .nlm file"
    for data, reason in ((b"", other), (b"\0" * 8, other), (whole[:-1], cut), (whole[: len(whole) // 2], cut)):
        (tmp_path / "damaged.nlm").write_bytes(data)
        with refused(tmp_path, "damaged.nlm", reason):
            function(job.source, model=tmp_path / "damaged.nlm")


def repacked(data: bytes, **changes) -> bytes:
    """The file with ``changes`` to its fields and right checksums of its bytes."""
    return container.pack(dataclasses.replace(container.parse(data), **changes))


def with_payload(data: bytes, payload: bytes, number: int = 0) -> bytes:
    """The file with another payload of one tile, and right checksums of its bytes."""
    tiles = list(container.parse(data).records)
    tiles[number] = TileRecord(Method.MIXTURE, payload.rstrip(b"\0"))
    return repacked(data, records=tuple(tiles))


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_damaged_payload_under_right_checksums_is_refused_by_the_pixel_checksum(
    compressed, tmp_path, pixels, small_model_path, decoder
):
    whole = nelloc.encode(pixels[:3, :4], model=small_model_path)
    payload = container.parse(whole).records[0].data
    for position in range(len(payload)):
        damaged = bytearray(payload)
        damaged[position] ^= 1 << position % 8
        compressed.write_bytes(with_payload(whole, bytes(damaged)))
        with refused(tmp_path, str(compressed), "pixels", "checksum", "damaged"):
            files.decompress(compressed, model=small_model_path, decoder=decoder)


def test_a_truncated_payload_under_right_checksums_is_refused(compressed, tmp_path, small_model_path):
    whole = compressed.read_bytes()
    payload = container.parse(whole).records[0].data
    for length in range(0, len(payload), 4):
        compressed.write_bytes(with_payload(whole, payload[:length]))
        with refused(tmp_path, str(compressed), "pixels", "checksum"):
            files.decompress(compressed, model=small_model_path)


def test_a_damaged_tile_among_others_is_named(tmp_path, small_model_path):
    image = np.random.default_rng(2).integers(0, 256, (40, 40), dtype=np.uint8)
    whole = nelloc.encode(image, model=small_model_path, tile=16)
    tiles = container.parse(whole).records
    path = tmp_path / "tiled.nlc"
    for number in (0, 4, 8):
        path.write_bytes(with_payload(whole, tiles[number].data[::-1], number))
        with refused(tmp_path, str(path), f"tile {number} ", "checksum"):
            files.decompress(path, model=small_model_path)
    path.write_bytes(repacked(whole, records=tiles[::-1]))
    with refused(tmp_path, str(path), "checksum"):
        files.decompress(path, model=small_model_path)


def test_a_changed_size_or_kind_under_right_checksums_is_refused(compressed, tmp_path, small_model_path):
    whole = compressed.read_bytes()
    for changes in (
        {"width": 5, "height": 7},
        {"width": 8},
        {"height": 4},
        {"width": 1, "height": 1},
        {"kind": container.Kind.GRAY},
    ):
        compressed.write_bytes(repacked(whole, **changes))
        with refused(tmp_path, str(compressed), "checksum"):
            files.decompress(compressed, model=small_model_path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_any_payload_under_right_checksums_is_refused(compressed, small_model_path, payload):
    with pytest.raises(NellocError, match="damaged tiles, 1 of 1"):
        files.verify_bytes(
            with_payload(compressed.read_bytes(), payload), "file.nlc", DecodeOptions(model=small_model_path)
        )


def test_an_encoder_that_errs_is_found_out_before_anything_is_written(photo, tmp_path, small_model_path, monkeypatch):
    real = codec.decode_files

    def wrong(*args, **options):
        return [dataclasses.replace(p, groups=(p.planes ^ 1,)) for p in real(*args, **options)]

    monkeypatch.setattr(codec, "decode_files", wrong)
    with refused(tmp_path, "does not decode to the same pixels"):
        files.compress(photo, model=small_model_path)
    files.compress(photo, model=small_model_path, verify=False)
