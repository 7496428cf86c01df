"""Promises of a run when things go wrong: what is written is whole, no input is lost, and each file has its outcome."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from materials import small_model_bytes
from PIL import Image, PngImagePlugin

import nelloc
from nelloc import storage
from nelloc.errors import NellocError
from nelloc.files import convert as files
from nelloc.files.batch.outcome import Done, Failed, Outcome, Skipped, Summary
from nelloc.files.batch.run import compress_folder, decompress_folder

PACKAGE = Path(nelloc.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(PACKAGE)}
NAMES = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder: three small photographs and a model."""
    monkeypatch.chdir(tmp_path)
    Path("model.nlm").write_bytes(small_model_bytes())
    os.mkdir("in")
    for seed, name in enumerate(NAMES):
        image(seed).save(f"in/{name}.png")
    return tmp_path


def image(seed: int, size: int = 8) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def compress(**keywords) -> dict[str, Outcome]:
    """The outcomes of a run from ``in`` to ``out``, by the inputs' stems."""
    return by_stem(compress_folder(["in"], "out", recursive=True, model="model.nlm", **keywords))


def by_stem(outcomes: Iterator[Outcome]) -> dict[str, Outcome]:
    return {Path(outcome.source).stem: outcome for outcome in outcomes}


def kinds(outcomes: dict[str, Outcome]) -> dict[str, type]:
    return {name: type(outcome) for name, outcome in outcomes.items()}


def inputs() -> list[str]:
    return sorted(path.stem for path in Path("in").rglob("*.png"))


def outputs() -> list[str]:
    return sorted(path.name for path in Path("out").rglob("*") if path.is_file())


# Batches


def test_small_images_are_coded_together(monkeypatch):
    seen = []
    real = files.encode_pixels

    def encode_pixels(pixels, *arguments, **options):
        seen.append(len(pixels))
        return real(pixels, *arguments, **options)

    monkeypatch.setattr(files, "encode_pixels", encode_pixels)
    assert kinds(compress()) == dict.fromkeys(NAMES, Done)
    assert seen == [3]


def test_of_a_group_that_cannot_be_coded_together_only_the_culprit_fails(monkeypatch):
    real = files.encode_pixels

    def encode_pixels(pixels, *arguments, **options):
        if any(item.planes[0, 0, 0] == np.asarray(image(1))[0, 0, 0] for item in pixels):
            raise NellocError("in/b.png: cannot be coded")
        return real(pixels, *arguments, **options)

    monkeypatch.setattr(files, "encode_pixels", encode_pixels)
    assert kinds(compress()) == {"a": Done, "b": Failed, "c": Done}
    assert outputs() == ["a.nlc", "c.nlc"]


def test_an_error_that_nobody_foresaw_fails_one_file_and_says_where_it_was(monkeypatch):
    real = files.open_image

    def open_image(data, source, options):
        if "b.png" in source:
            raise ZeroDivisionError("a mistake")
        return real(data, source, options)

    monkeypatch.setattr(files, "open_image", open_image)
    outcomes = compress()
    assert kinds(outcomes) == {"a": Done, "b": Failed, "c": Done}
    message = "in/b.png: internal error (ZeroDivisionError: a mistake); please report it with this file"
    assert str(outcomes["b"].error) == message
    assert "Traceback" in outcomes["b"].error.__notes__[0]


def test_outputs_of_small_images_are_written_at_once_and_each_fails_alone(monkeypatch):
    real, all_of_them = storage.write, threading.Barrier(len(NAMES), timeout=60)

    def write(target, *arguments, **keywords):
        all_of_them.wait()
        if target.stem == "b":
            raise NellocError(f"{target}: cannot be written")
        real(target, *arguments, **keywords)

    monkeypatch.setattr(storage, "write", write)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == {"a": Done, "b": Failed, "c": Done}
    assert str(outcomes["b"].error) == "out/b.nlc: cannot be written"
    assert inputs() == ["b"]


def test_a_summary_counts_outcomes():
    summary = Summary()
    (Path("in") / "d.png").write_bytes(b"no image")
    for outcome in [*compress().values(), *compress(remove=True).values()]:
        summary.add(outcome)
    assert (summary.count, summary.done, summary.skipped, summary.failed, summary.removed) == (8, 3, 3, 2, 3)
    assert summary.exit_status == 1
    assert summary.target_bytes == sum(path.stat().st_size for path in Path("out").iterdir())


# Inputs that are not what they were


def test_an_input_that_vanished_fails_and_the_others_are_done(monkeypatch):
    real = storage.read_input

    def read_input(path):
        Path("in/b.png").unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(storage, "read_input", read_input)
    outcomes = compress()
    assert kinds(outcomes) == {"a": Done, "b": Failed, "c": Done}
    assert "in/b.png: cannot be read (No such file or directory)" in str(outcomes["b"].error)


def test_an_input_that_is_written_while_it_is_read_fails(monkeypatch):
    real, calls = os.fstat, []

    def fstat(descriptor):
        calls.append(descriptor)
        os.utime("in/a.png", ns=(len(calls), len(calls)))
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(NellocError, match=r"in/a\.png: changed while it was read"):
        storage.read_input(Path("in/a.png"))


def test_an_input_that_changes_before_it_is_to_be_removed_is_kept(monkeypatch):
    real = storage.write

    def write(target, *arguments, **options):
        if target.name == "b.nlc":
            image(9).save("in/b.png")
        real(target, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write", write)
        outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Done)
    assert (outcomes["b"].removed, outcomes["b"].kept) == (False, "it changed meanwhile")
    assert inputs() == ["b"]
    assert kinds(compress(remove=True)) == {"b": Failed}  # its output is of what it was
    assert inputs() == ["b"]


def test_an_input_whose_output_lacks_something_is_not_removed(monkeypatch):
    real = files.encode_images

    def encode_images(*arguments, **options):
        done = real(*arguments, **options)
        return [(files.replace(result, left_out=("colour profile",)), data) for result, data in done]

    monkeypatch.setattr(files, "encode_images", encode_images)
    outcomes = compress(remove=True)
    assert {outcome.kept for outcome in outcomes.values()} == {"its output lacks colour profile"}
    assert inputs() == NAMES


def with_metadata(path: str, title: str, text: bool = True) -> None:
    """A photograph with a title, and the modification time that the file had, if there was one."""
    before = os.stat(path).st_mtime_ns if Path(path).exists() else None
    texts, exif = PngImagePlugin.PngInfo(), Image.Exif()
    if text:
        texts.add_text("Title", title)
    exif[0x010E] = title
    image(0).save(path, pnginfo=texts, exif=exif)
    if before is not None:
        os.utime(path, ns=(before, before))


def test_an_input_whose_metadata_changed_since_is_not_removed():
    with_metadata("in/a.png", "first version")
    compress()
    with_metadata("in/a.png", "edited since")
    outcome = compress(remove=True)["a"]
    assert isinstance(outcome, Failed)
    assert "its metadata and that of the image file differ" in str(outcome.error)
    assert Path("in/a.png").exists()


@pytest.mark.parametrize(("suffix", "text"), [(".png", True), (".tif", False), (".webp", False)])
def test_a_second_run_removes_inputs_whose_metadata_the_output_has(suffix, text):
    with_metadata("in/a.png", "a title", text)
    compress()
    for remove in (False, True):
        outcomes = by_stem(decompress_folder(["out/a.nlc"], "back", suffix=suffix, remove=remove))
    assert isinstance(outcomes["a"], Skipped), outcomes
    assert not Path("out/a.nlc").exists()
    assert Image.open(f"back/a{suffix}").getexif()[0x010E] == "a title"


@pytest.mark.parametrize("edited", [False, True])
def test_a_second_run_keeps_inputs_whose_metadata_the_output_lacks(edited):
    suffix = ".png" if edited else ".tif"  # TIFF has no such texts
    with_metadata("in/a.png", "a title")
    compress()
    by_stem(decompress_folder(["out/a.nlc"], "back", suffix=suffix))
    if edited:
        with_metadata("back/a.png", "another")
    outcomes = by_stem(decompress_folder(["out/a.nlc"], "back", suffix=suffix, remove=True))
    assert isinstance(outcomes["a"], Failed)
    assert ("metadata" if edited else "text would be lost in .tif") in str(outcomes["a"].error)
    assert Path("out/a.nlc").exists()


def test_an_output_that_the_disk_changed_removes_nothing(monkeypatch):
    real = storage.read

    def read(path):
        return real(path)[:-1] if path.suffix == ".nlc" else real(path)

    monkeypatch.setattr(storage, "read", read)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert inputs() == NAMES


def test_an_image_that_the_output_format_cannot_hold_is_not_removed():
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("in/gray.png")
    assert compress(remove=True)["gray"].removed
    found = decompress_folder(["out"], "back", recursive=True, suffix=".webp", remove=True, model="model.nlm")
    outcomes = by_stem(found)
    assert kinds(outcomes) == {"gray": Failed, **dict.fromkeys(NAMES, Done)}
    assert "cannot hold" in str(outcomes["gray"].error)
    assert outputs() == ["gray.nlc"]


@pytest.mark.parametrize("failing", ["fsync of a file", "fsync of a folder"])
def test_nothing_is_removed_before_the_disk_has_it(monkeypatch, failing):
    real = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}") == (failing == "fsync of a folder"):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    os.mkdir("out")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert "out/a.nlc: cannot be written (Input/output error)" in str(outcomes["a"].error)
    assert inputs() == NAMES
    assert all(outcome.removed for outcome in compress(remove=True).values())


def test_an_input_that_cannot_be_removed_fails(monkeypatch):
    real = os.unlink

    def unlink(path, *arguments, **options):
        if str(path).endswith(".png"):
            raise PermissionError(errno.EACCES, "Permission denied")
        real(path, *arguments, **options)

    monkeypatch.setattr(os, "unlink", unlink)
    outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert "in/a.png: is now out/a.nlc, but cannot be removed (Permission denied)" in str(outcomes["a"].error)


# Targets


def test_the_same_file_under_another_name_is_never_written():
    os.mkdir("out")
    os.link("in/a.png", "out/a.nlc")
    Path("out/b.nlc").symlink_to(Path("in/b.png").absolute())
    before = Path("in/a.png").read_bytes()
    for force in (False, True):
        outcomes = compress(force=force)
        assert kinds(outcomes)["a"] is Failed
        assert kinds(outcomes)["b"] is Failed
        assert "is the input itself" in str(outcomes["a"].error)
    assert Path("in/a.png").read_bytes() == before
    assert Path("out/b.nlc").is_symlink()


def test_a_target_is_known_again_on_file_systems_with_coarse_times():
    compress()
    for name, (source, target) in {
        "a": (1_700_000_001_300_000_000, 1_700_000_001_000_000_000),  # whole seconds
        "b": (1_700_000_001_300_000_000, 1_700_000_000_000_000_000),  # even ones
        "c": (1_700_000_001_300_000_123, 1_700_000_001_300_000_100),  # tenths of microseconds
    }.items():
        os.utime(f"in/{name}.png", ns=(source, source))
        os.utime(f"out/{name}.nlc", ns=(target, target))
    assert kinds(compress()) == dict.fromkeys(NAMES, Skipped)
    for later in (1_000_000_000, 2_000_000, -1_000_000_000):
        times = Path("out/c.nlc").stat().st_mtime_ns + later
        os.utime("in/c.png", ns=(times, times))
        assert kinds(compress())["c"] is Failed


def test_what_stands_in_the_way_is_named():
    Path("out").write_bytes(b"a file")
    outcomes = compress()
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert str(outcomes["a"].error).startswith("out: cannot be written")
    Path("out").unlink()
    os.makedirs("out/a.nlc")
    outcomes = compress()
    assert kinds(outcomes) == {"a": Failed, "b": Done, "c": Done}
    assert "out/a.nlc: is a folder" in str(outcomes["a"].error)


def test_a_name_that_gets_too_long_fails():
    longest = os.pathconf(".", "PC_NAME_MAX")
    compress()
    Path("out/a.nlc").rename(Path("out", "n" * (longest - 4) + ".nlc"))
    found = list(decompress_folder(["out"], "back", suffix=".tiff", model="model.nlm"))
    assert sorted(type(outcome).__name__ for outcome in found) == ["Done", "Done", "Failed"]


@pytest.fixture
def read_only(folder) -> Iterator[Path]:
    """A folder in which nothing can be written."""
    path = folder / "out"
    path.mkdir()
    if os.geteuid():
        path.chmod(0o555)
        yield path
        path.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", path], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a read-only file system here")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_read_only_target_fails_every_file_and_keeps_every_input(read_only):
    outcomes = compress(remove=True)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert all("out/" in str(outcome.error) for outcome in outcomes.values())
    assert all("cannot be written" in str(outcome.error) for outcome in outcomes.values())
    assert inputs() == NAMES


def test_a_read_only_source_is_compressed_but_not_removed(folder):
    if os.geteuid() == 0:
        if subprocess.run(["mount", "--bind", "in", "in"], capture_output=True, check=False).returncode:
            pytest.skip("cannot mount here")
        subprocess.run(["mount", "-o", "remount,ro,bind", "in"], check=True)
    else:
        Path("in").chmod(0o555)
    try:
        outcomes = compress(remove=True)
    finally:
        subprocess.run(["umount", "in"], check=True) if os.geteuid() == 0 else Path("in").chmod(0o755)
    assert kinds(outcomes) == dict.fromkeys(NAMES, Failed)
    assert "cannot be removed" in str(outcomes["a"].error)
    assert (inputs(), outputs()) == (NAMES, ["a.nlc", "b.nlc", "c.nlc"])


def command(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "nelloc", *arguments, "--model", "model.nlm"]
    return subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False, **options)


def test_a_full_disk_fails_what_does_not_fit_and_the_next_run_does_it():
    """A file system of its own, where that is allowed."""
    if os.geteuid():
        pytest.skip("only root can mount")
    os.mkdir("out")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", "out"], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        for number in range(5):
            image(number, 60).save(f"in/{number:02}.png")  # of noise: about 11 KB each
        first = command("compress", "-r", "in", "--output-dir", "out", "--rm")
        assert first.returncode == 1
        assert "No space left on device" in first.stderr
        assert "Traceback" not in first.stderr
        done = {Path(name).stem for name in outputs()}
        assert 0 < len(done) < 8
        assert set(inputs()) == {*NAMES, *(f"{number:02}" for number in range(5))} - done
        assert not list(Path("out").glob(".*"))
        assert subprocess.run(["mount", "-o", "remount,size=1m", "out"], check=False).returncode == 0
        assert command("compress", "-r", "in", "--output-dir", "out", "--rm").returncode == 0
        assert (len(outputs()), inputs()) == (8, [])
        assert command("decompress", "-r", "out", "--output-dir", "back").returncode == 0
        for number in range(5):
            np.testing.assert_array_equal(
                np.asarray(Image.open(f"back/{number:02}.png")), np.asarray(image(number, 60))
            )
    finally:
        subprocess.run(["umount", "out"], check=True)


def test_a_limit_on_file_sizes_fails_the_files_above_it():
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    image(5, 60).save("in/large.png")
    done = command("compress", "-r", "in", "--output-dir", "out", "--rm", preexec_fn=limit)
    assert done.returncode == 1
    assert "out/large.nlc: cannot be written (File too large)" in done.stderr
    assert (inputs(), outputs()) == (["large"], ["a.nlc", "b.nlc", "c.nlc"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_standard_output_ends_the_run_with_one_line():
    with open("/dev/full", "w") as full:
        line = [sys.executable, "-m", "nelloc", "compress", "-r", "in", "--output-dir", "out", "--json"]
        done = subprocess.run(
            [*line, "--model", "model.nlm"], env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(b"nelloc: standard output: cannot be written")


# What killed runs leave


def test_the_temporary_files_of_killed_runs_are_removed_and_those_in_use_are_not():
    os.mkdir("out")
    dead, alive, other = (Path("out", name) for name in (f".nelloc-{'0' * 16}.part", f".nelloc-{'1' * 16}.part", ".x"))
    for path in (dead, alive, other):
        path.write_bytes(b"part")
    with open(alive, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert kinds(compress()) == dict.fromkeys(NAMES, Done)
        assert (dead.exists(), alive.exists(), other.exists()) == (False, True, True)
    assert kinds(compress()) == dict.fromkeys(NAMES, Skipped)
    assert (alive.exists(), other.exists()) == (False, True)


def test_a_file_that_is_being_written_is_not_taken_for_a_leftover(monkeypatch):
    real = os.link

    def link(*arguments):
        storage.remove_leftovers(Path("out"))
        real(*arguments)

    monkeypatch.setattr(os, "link", link)
    assert kinds(compress()) == dict.fromkeys(NAMES, Done)


def test_five_killed_runs_lose_nothing():
    script = PACKAGE / "scripts" / "kill_folder_runs.py"
    (Path("model.nlm")).rename("small.nlm")
    line = [sys.executable, str(script), "--kills", "5", "--images", "8", "--model", str(Path("small.nlm").absolute())]
    environment = ENVIRONMENT | {"NELLOC_MODELS": os.getcwd()}  # decoders find it there
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "5 kills, nothing lost" in done.stdout
