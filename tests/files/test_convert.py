"""Promises of compressing and decompressing files: a target is whole or untouched, and nothing else is left."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from materials import small_model_bytes
from PIL import Image

import nelloc
from nelloc import storage
from nelloc.codec import container
from nelloc.codec import encode as codec
from nelloc.codec.container import TileRecord
from nelloc.codec.format import Method
from nelloc.codec.options import DecodeOptions
from nelloc.errors import NellocError
from nelloc.exact.decoders import DECODERS
from nelloc.files import convert as files
from nelloc.files.info import Info, info_of_bytes
from nelloc.files.result import Result
from nelloc.image import from_array

pytestmark = pytest.mark.usefixtures("model_only")

OLD = b"what the target held before"


@dataclass(frozen=True)
class Job:
    """One of the two directions, with an input file; ``run(target, **options)`` performs it."""

    source: Path
    target: Path
    run: Callable[..., Result]
    output: bytes


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path, pixels) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def compressed(tmp_path, pixels, small_model_path) -> Path:
    path = tmp_path / "file.nlc"
    path.write_bytes(nelloc.encode(pixels, model=small_model_path, embed=False))
    return path


@pytest.fixture(params=["compress", "decompress"])
def job(request, tmp_path, photo, compressed, small_model_path) -> Job:
    """Compressing photo.png, or decompressing file.nlc."""
    function = getattr(files, request.param)
    source = photo if request.param == "compress" else compressed
    expected = tmp_path / ("expected" + (".nlc" if request.param == "compress" else ".png"))
    function(source, expected, model=small_model_path)
    output = expected.read_bytes()
    expected.unlink()

    def run(target: Path | None = None, **options) -> Result:
        return function(source, target, model=small_model_path, **options)

    return Job(source, source.with_suffix(expected.suffix), run, output)


@contextlib.contextmanager
def refused(folder: Path, *words: str) -> Iterator[None]:
    """What happens inside raises one sentence with ``words``, and changes nothing below ``folder``."""
    before = contents(folder)
    with pytest.raises(NellocError) as caught:
        yield
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, object]:
    """Every path below ``folder`` and what is there."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        kind = path.lstat().st_mode
        found[str(path)] = path.read_bytes() if stat.S_ISREG(kind) else os.readlink(path) if path.is_symlink() else kind
    return found


# What is written, and where


def test_the_pixels_come_back(tmp_path, photo, pixels, small_model_path):
    files.compress(photo, tmp_path / "a.nlc", model=small_model_path)
    files.decompress(tmp_path / "a.nlc", tmp_path / "b.png", model=small_model_path)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "b.png")), pixels)


def test_the_output_goes_beside_the_input_by_default(job):
    result = job.run()
    assert job.target.read_bytes() == job.output
    assert result.target == str(job.target)


def test_names_may_be_strings(photo, tmp_path, small_model_path):
    files.compress(str(photo), str(tmp_path / "out.nlc"), model=small_model_path)
    assert (tmp_path / "out.nlc").exists()


def test_the_result_says_what_was_done(job):
    result = job.run()
    assert (result.source, result.target) == (str(job.source), str(job.target))
    assert (result.source_bytes, result.target_bytes) == (job.source.stat().st_size, job.target.stat().st_size)
    assert (result.width, result.height, result.planes, result.samples) == (7, 5, 3, 105)


def test_only_the_output_is_added_to_the_folder(job, tmp_path):
    before = contents(tmp_path)
    job.run()
    assert contents(tmp_path) == before | {str(job.target): job.output}


def test_a_name_of_the_greatest_length_is_written(job, tmp_path):
    longest = tmp_path / ("n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + job.target.suffix)
    job.run(longest)
    assert longest.read_bytes() == job.output


def test_a_new_file_has_the_permissions_that_the_user_asked_for(job):
    previous = os.umask(0o027)
    try:
        job.run()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(job.target.stat().st_mode) == 0o640


def test_the_extension_chooses_the_image_format(compressed, tmp_path, pixels, small_model_path):
    for suffix in (".png", ".ppm", ".bmp", ".tif", ".webp", ".PNG"):
        target = tmp_path / f"out{suffix}"
        files.decompress(compressed, target, model=small_model_path)
        np.testing.assert_array_equal(np.asarray(Image.open(target)), pixels)


# Targets that exist


def test_an_existing_target_is_kept_without_force(job, tmp_path):
    job.target.write_bytes(OLD)
    with refused(tmp_path, str(job.target), "exists already", "--force"):
        job.run()


def test_an_existing_target_is_replaced_with_force(job):
    job.target.write_bytes(OLD)
    job.run(force=True)
    assert job.target.read_bytes() == job.output


def test_a_target_that_appears_during_the_work_is_kept_without_force(job, tmp_path, monkeypatch):
    real = storage.write

    def write(target: Path, *others) -> None:
        target.write_bytes(OLD)
        real(target, *others)

    monkeypatch.setattr(storage, "write", write)
    with pytest.raises(NellocError, match="exists already"):
        job.run()
    assert job.target.read_bytes() == OLD
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


def test_the_permissions_of_a_replaced_target_are_kept(job):
    for mode in (0o600, 0o444, 0o664):
        job.target.unlink(missing_ok=True)
        job.target.write_bytes(OLD)
        job.target.chmod(mode)
        job.run(force=True)
        assert stat.S_IMODE(job.target.stat().st_mode) == mode
        assert job.target.read_bytes() == job.output


def test_the_input_itself_is_never_the_target(job, tmp_path):
    link, hard = (tmp_path / f"{name}{job.target.suffix}" for name in ("link", "hard"))
    link.symlink_to(job.source)
    os.link(job.source, hard)
    for target in (link, hard):
        for force in (False, True):
            with refused(tmp_path, str(target), "input itself"):
                job.run(target, force=force)


@pytest.mark.parametrize("force", [False, True])
def test_an_input_whose_name_is_the_default_target_is_kept(tmp_path, photo, compressed, force):
    for function, source, name in ((files.compress, photo, "image.nlc"), (files.decompress, compressed, "file.png")):
        renamed = source.rename(tmp_path / name)
        with refused(tmp_path, name, "input itself"):
            function(renamed, force=force)


def test_a_symbolic_link_as_target_is_kept_without_force(job, tmp_path):
    (tmp_path / "pointee").write_bytes(OLD)
    for pointee in ("pointee", "absent"):
        job.target.unlink(missing_ok=True)
        job.target.symlink_to(tmp_path / pointee)
        with refused(tmp_path, str(job.target), "exists already"):
            job.run()


def test_a_symbolic_link_as_target_is_replaced_with_force_and_its_file_is_not_touched(job, tmp_path):
    (tmp_path / "pointee").write_bytes(OLD)
    for pointee in ("pointee", "absent"):
        job.target.unlink(missing_ok=True)
        job.target.symlink_to(tmp_path / pointee)
        job.run(force=True)
        assert not job.target.is_symlink()
        assert job.target.read_bytes() == job.output
    assert (tmp_path / "pointee").read_bytes() == OLD
    assert not (tmp_path / "absent").exists()


def test_a_device_or_pipe_as_target_is_refused_even_with_force(job, tmp_path):
    os.mkfifo(job.target)
    for force in (False, True):
        with refused(tmp_path, str(job.target), "not a regular file"):
            job.run(force=force)


# Targets that cannot be written


def test_a_missing_folder_is_named(job, tmp_path):
    target = tmp_path / "absent" / job.target.name
    with refused(tmp_path, str(target), "folder does not exist"):
        job.run(target)


def test_a_folder_as_target_is_refused(job, tmp_path):
    job.target.mkdir()
    for force in (False, True):
        with refused(tmp_path, str(job.target), "is a folder"):
            job.run(force=force)


def test_a_file_in_the_place_of_the_folder_is_named(job, tmp_path):
    target = job.source / job.target.name
    with refused(tmp_path, str(target)):
        job.run(target)


def test_a_name_that_is_too_long_is_named(job, tmp_path):
    target = tmp_path / ("n" * 300 + job.target.suffix)
    with refused(tmp_path, "cannot be written", "too long"):
        job.run(target)


def test_a_read_only_folder_is_named(job, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    with refused(tmp_path, str(folder), "cannot be written", "permission"):
        job.run(folder / job.target.name)


def test_a_name_with_a_zero_byte_is_refused(tmp_path, small_model_path):
    with refused(tmp_path, "cannot be read"):
        files.compress("photo\0.png", tmp_path / "out.nlc", model=small_model_path)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("call", ["open", "fdopen", "write", "fsync", "rename"])
def test_a_full_disk_leaves_the_folder_as_it_was(job, tmp_path, monkeypatch, force, call):
    def fail(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class FullFile:
        def __init__(self, descriptor: int, mode: str):
            self.descriptor = descriptor

        def __enter__(self):
            return self

        def __exit__(self, *error):
            os.close(self.descriptor)

        def write(self, data: bytes):
            os.write(self.descriptor, data[: len(data) // 2])
            fail()

    real_open = os.open
    if call == "open":
        # Only of a new file: the rest of the system must go on.
        monkeypatch.setattr(
            os, "open", lambda path, flags, *more: fail() if flags & os.O_CREAT else real_open(path, flags, *more)
        )
    elif call == "rename":
        for name in ("replace", "rename", "link"):
            monkeypatch.setattr(os, name, fail)
    else:
        monkeypatch.setattr(os, call if call != "write" else "fdopen", fail if call != "write" else FullFile)
    if force:
        job.target.write_bytes(OLD)
    with refused(tmp_path, str(job.target), "cannot be written", os.strerror(errno.ENOSPC)):
        job.run(force=force)


def test_an_interrupt_while_writing_leaves_the_folder_as_it_was(job, tmp_path, monkeypatch):
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    job.target.write_bytes(OLD)
    before = contents(tmp_path)
    monkeypatch.setattr(os, "fsync", interrupt)
    for force in (False, True):
        if not force:
            job.target.unlink()
            before.pop(str(job.target))
        else:
            job.target.write_bytes(OLD)
            before[str(job.target)] = OLD
        with pytest.raises(KeyboardInterrupt):
            job.run(force=force)
        assert contents(tmp_path) == before


def test_a_file_system_without_hard_links_is_written_and_existing_files_are_kept(job, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(errno.EPERM, "no hard links")

    monkeypatch.setattr(os, "link", fail)
    job.run()
    assert job.target.read_bytes() == job.output
    monkeypatch.setattr(storage, "check_target", lambda *args: None)
    with refused(tmp_path, "exists already"):
        job.run()


# Inputs that cannot be used


def test_a_missing_input_is_named(job, tmp_path):
    job.source.unlink()
    with refused(tmp_path, str(job.source), "cannot be read", "No such file"):
        job.run()


def test_an_input_that_is_a_folder_is_named(job, tmp_path):
    job.source.unlink()
    job.source.mkdir()
    with refused(tmp_path, str(job.source), "cannot be read"):
        job.run()


@pytest.mark.parametrize("name", [".", "", "/", ".."])
@pytest.mark.parametrize("function", [files.compress, files.decompress])
def test_a_name_of_no_file_is_refused(function, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with refused(tmp_path, "folder" if name != ".." else "cannot be read"):
        function(name)


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

    monkeypatch.setattr(files, "encode_pixels", fail)
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


# Models


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


# Damage that the container's checksums do not see


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


# Checks of what was written, and of what is there


def test_an_encoder_that_errs_is_found_out_before_anything_is_written(photo, tmp_path, small_model_path, monkeypatch):
    real = codec.decode_files

    def wrong(*args, **options):
        return [dataclasses.replace(p, groups=(p.planes ^ 1,)) for p in real(*args, **options)]

    monkeypatch.setattr(codec, "decode_files", wrong)
    with refused(tmp_path, "does not decode to the same pixels"):
        files.compress(photo, model=small_model_path)
    files.compress(photo, model=small_model_path, verify=False)


def test_verify_accepts_a_whole_file_and_writes_nothing(compressed, tmp_path, small_model_path):
    before = contents(tmp_path)
    result = files.verify_bytes(compressed.read_bytes(), "file.nlc", DecodeOptions(model=small_model_path))
    assert (result.source, result.width, result.height) == ("file.nlc", 7, 5)
    assert contents(tmp_path) == before


def test_verify_names_a_file_that_does_not_fit_in_memory(compressed, monkeypatch):
    def fail(*args, **options):
        raise MemoryError

    monkeypatch.setattr(files, "decode_slices", fail)
    with pytest.raises(NellocError, match=r"file\.nlc: .*memory"):
        files.verify_bytes(compressed.read_bytes(), "file.nlc", DecodeOptions())


def test_info_needs_no_model_and_says_what_the_file_holds(compressed, small_model):
    data = compressed.read_bytes()
    found = info_of_bytes(data, "file.nlc")
    assert found == Info(
        file="file.nlc",
        bytes=len(data),
        kind="RGB",
        width=7,
        height=5,
        tile=256,
        tiles=1,
        model=small_model.id.hex(),
        model_name=None,
        model_place=None,
        model_bytes=0,
        bits_per_dimension=8 * len(data) / 105,
        bits=8,
        methods={"mixture": 1},
        metadata={},
        metadata_bytes=0,
    )
