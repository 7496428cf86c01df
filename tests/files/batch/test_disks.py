"""Promises of a run when targets, disks or the run itself fail: what is written is whole, and no input is lost."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import NAMES, compress, image, inputs, kinds, outputs

import nelloc
from nelloc import NellocError, storage
from nelloc.files.batch.outcome import Converted, Failed, Skipped
from nelloc.files.batch.run import decompress_folder

pytestmark = pytest.mark.usefixtures("folder")
PACKAGE = Path(nelloc.__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(PACKAGE)}


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
    with pytest.raises(NellocError, match=r"^out: is a file; give a folder, or the name of one to be made$"):
        compress()
    Path("out").unlink()
    Path("out").symlink_to("nothing")
    with pytest.raises(NellocError, match=r"^out: is a link to nothing; remove it, or give another folder$"):
        compress()
    Path("out").unlink()
    os.makedirs("out/a.nlc")
    outcomes = compress()
    assert kinds(outcomes) == {"a": Failed, "b": Converted, "c": Converted}
    assert "out/a.nlc: is a folder" in str(outcomes["a"].error)


def test_a_name_that_gets_too_long_fails():
    longest = os.pathconf(".", "PC_NAME_MAX")
    compress()
    Path("out/a.nlc").rename(Path("out", "n" * (longest - 4) + ".nlc"))
    found = list(decompress_folder(["out"], "back", suffix=".tiff", model="model.nlm"))
    assert sorted(type(outcome).__name__ for outcome in found) == ["Converted", "Converted", "Failed"]


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


def test_the_temporary_files_of_killed_runs_are_removed_and_those_in_use_are_not():
    os.mkdir("out")
    dead, alive, other = (Path("out", name) for name in (f".nelloc-{'0' * 16}.part", f".nelloc-{'1' * 16}.part", ".x"))
    for path in (dead, alive, other):
        path.write_bytes(b"part")
    with open(alive, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert kinds(compress()) == dict.fromkeys(NAMES, Converted)
        assert (dead.exists(), alive.exists(), other.exists()) == (False, True, True)
    assert kinds(compress()) == dict.fromkeys(NAMES, Skipped)
    assert (alive.exists(), other.exists()) == (False, True)


def test_a_file_that_is_being_written_is_not_taken_for_a_leftover(monkeypatch):
    real = os.link

    def link(*arguments):
        storage.remove_leftovers(Path("out"))
        real(*arguments)

    monkeypatch.setattr(os, "link", link)
    assert kinds(compress()) == dict.fromkeys(NAMES, Converted)


def test_five_killed_runs_lose_nothing():
    script = PACKAGE / "scripts" / "kill_folder_runs.py"
    (Path("model.nlm")).rename("small.nlm")
    line = [sys.executable, str(script), "--kills", "5", "--images", "8", "--model", str(Path("small.nlm").absolute())]
    environment = ENVIRONMENT | {"NELLOC_MODELS": os.getcwd()}  # decoders find it there
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "5 kills, nothing lost" in done.stdout
