"""Promises of `-r`, `--output-dir`, `--jobs` and what goes with them: trees, outcomes and second runs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running import environment, invoke
from trees import MODEL, OUTPUTS, TREE, compressed, files_in, pixels, rows
from waiting import wait_for_end, wait_until

import nelloc
from nelloc.cli import decompress
from nelloc.image import OUTPUT_SUFFIXES

pytestmark = pytest.mark.usefixtures("photo_tree")


@pytest.mark.parametrize("flag", ["-r", "--recursive"])
def test_the_output_folder_mirrors_the_tree_and_comes_back(flag):
    result = invoke("compress", flag, "photos", "--output-dir", "out", *MODEL)
    assert (result.exit_code, result.stdout) == (0, "")
    assert files_in("out") == OUTPUTS
    assert Path("out/sub/deep/c.nlc").read_bytes() == nelloc.encode(pixels(TREE[2]), model="model.nlm")
    back = invoke("decompress", flag, "out", "--output-dir", "back", *MODEL)
    assert (back.exit_code, back.stdout) == (0, "")
    assert files_in("back") == [name.replace("nlc", "png") for name in OUTPUTS]
    for name in TREE:
        found = Path("back", *Path(name).parts[1:]).with_suffix(".png")
        np.testing.assert_array_equal(np.asarray(Image.open(found)), pixels(name))
        assert found.stat().st_mtime_ns == Path(name).stat().st_mtime_ns


def test_without_an_output_folder_each_output_is_beside_its_input():
    assert invoke("compress", "-r", "photos", *MODEL).exit_code == 0
    assert [name for name in files_in("photos") if name.endswith("nlc")] == OUTPUTS
    for name in TREE:
        Path(name).unlink()
    assert invoke("decompress", "-r", "photos", "--format", "ppm", *MODEL).exit_code == 0
    assert np.array_equal(np.asarray(Image.open("photos/sub/b.ppm")), pixels(TREE[1]))


def test_without_r_only_what_is_directly_in_a_folder_is_taken():
    assert invoke("compress", "photos/sub", "photos/a.png", "--output-dir", "out", *MODEL).exit_code == 0
    assert files_in("out") == ["a.nlc", "b.nlc"]
    assert invoke("decompress", "out", "--output-dir", "back", *MODEL).exit_code == 0
    assert files_in("back") == ["a.png", "b.png"]


def test_the_output_folder_is_not_taken_for_an_input():
    assert invoke("compress", "-r", ".", "--output-dir", "out", *MODEL).exit_code == 0
    assert invoke("decompress", "-r", "out", "--output-dir", "out/png", *MODEL).exit_code == 0
    count = len(files_in("."))
    result = invoke("decompress", "-r", "out", "--output-dir", "out/png", "--json", *MODEL)
    assert (result.exit_code, len(rows(result)), len(files_in("."))) == (0, 4, count)


def test_every_format_can_be_chosen():
    assert tuple(f".{name}" for name in decompress.FORMATS) == (".jpg", *OUTPUT_SUFFIXES)
    compressed()
    for name in decompress.FORMATS[1:]:
        found = invoke("decompress", "out/a.nlc", "--output-dir", name, "--format", name, *MODEL)
        assert found.exit_code == (1 if name in ("pgm", "pbm") else 0)
        if name not in ("pgm", "pbm"):
            np.testing.assert_array_equal(np.asarray(Image.open(f"{name}/a.{name}")), pixels(TREE[0]))
    assert invoke("decompress", "out/a.nlc", "--format", "bmp", *MODEL).exit_code == 0
    assert Path("out/a.bmp").read_bytes() == Path("bmp/a.bmp").read_bytes()


def test_every_file_is_reported_and_a_bad_one_does_not_stop_the_others():
    Path("photos/sub/bad.png").write_bytes(b"no image")
    Path("photos/notes.txt").write_text("no image either")
    result = invoke("compress", "-r", "photos", "--output-dir", "out", *MODEL)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("photos/a.png -> out/a.nlc: ")
    assert sum(line.startswith("nelloc: photos/sub/bad.png: is not an image") for line in lines) == 1
    assert "4 done" in lines[-1]
    assert "1 failed" in lines[-1]
    assert lines[-1].endswith("1 other file left alone")
    assert len(lines) == 6
    assert files_in("out") == OUTPUTS


def test_json_has_one_line_for_each_file():
    Path("photos/bad.png").write_bytes(b"no image")
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--json", *MODEL)
    found = {row["source"]: row for row in rows(result)}
    assert set(found) == {*TREE, "photos/bad.png"}
    assert found["photos/bad.png"]["status"] == "failed"
    assert "is not an image" in found["photos/bad.png"]["error"]
    assert result.stderr == f"nelloc: {found['photos/bad.png']['error']}\n"
    row = found["photos/a.png"]
    assert (row["status"], row["removed"], row["target"]) == ("done", False, "out/a.nlc")
    assert row["target_bytes"] == Path("out/a.nlc").stat().st_size
    again = rows(invoke("compress", "-r", "photos", "--output-dir", "out", "--json", *MODEL))
    assert {row["status"] for row in again} == {"failed", "skipped"}
    assert {row["reason"] for row in again if "reason" in row} == {"done already"}


def test_quiet_prints_errors_alone():
    Path("photos/bad.png").write_bytes(b"no image")
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "-q", *MODEL)
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)


def test_two_inputs_of_one_output_fail_and_nothing_is_overwritten():
    Image.fromarray(pixels("other")).save("photos/a.bmp")
    for command in (["-r"], []):
        result = invoke("compress", *command, "photos", "--output-dir", "out", "-f", *MODEL)
        assert result.exit_code == 1
        assert "photos/a.png: its output out/a.nlc would also be that of photos/a.bmp" in result.stderr
        assert "photos/a.bmp: its output out/a.nlc would also be that of photos/a.png" in result.stderr
        assert not Path("out/a.nlc").exists()
    assert files_in("out") == OUTPUTS[1:]


@pytest.mark.skipif(os.name == "nt", reason="files have no such permissions here")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_private_tree_stays_private(jobs):
    os.chmod("photos", 0o750)
    os.chmod("photos/sub", 0o700)
    os.chmod("photos/a.png", 0o600)
    for source, output in (("photos", "new/out"), ("new/out", "back")):
        command = "compress" if source == "photos" else "decompress"
        assert invoke(command, "-r", source, "--output-dir", output, "--jobs", jobs, *MODEL).exit_code == 0
        modes = [stat.S_IMODE(os.stat(f"{output}/{name}").st_mode) for name in (".", "sub", "sub/deep")]
        assert modes == [0o750, 0o700, 0o755]
        (private,) = Path(output).glob("a.*")
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(os.stat("new").st_mode) == 0o755, "mirrors nothing"


@pytest.mark.skipif(os.name == "nt", reason="files have no such permissions here")
def test_a_folder_for_files_that_were_named_is_like_any_new_one():
    os.chmod("photos", 0o700)
    assert invoke("compress", "photos/a.png", "--output-dir", "out", *MODEL).exit_code == 0
    assert stat.S_IMODE(os.stat("out").st_mode) == 0o755


def test_an_input_that_is_named_twice_is_one():
    result = invoke("compress", "photos/a.png", "photos", "photos/a.png", "--output-dir", "out", "--json", *MODEL)
    assert (result.exit_code, len(rows(result))) == (0, 1)


def test_names_of_every_kind_are_mirrored():
    for name in (b"\xff\xfe.png", b"new\nline.png", b"-r.png", b" .png", "ä\u0308.png".encode()):
        os.link("photos/a.png", os.path.join(b"photos/sub", name))
    result = subprocess.run(
        [sys.executable, "-m", "nelloc", "compress", "-r", "photos", "--output-dir", "out", "--json", *MODEL],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(result.stdout.splitlines()) == 9
    assert len(files_in("out")) == 9
    assert os.path.exists(b"out/sub/\xff\xfe.nlc")
    assert invoke("decompress", "-r", "out", "--output-dir", "back", "-q", *MODEL).exit_code == 0
    assert os.path.exists(b"back/sub/\xff\xfe.png")


def test_a_missing_input_and_an_empty_tree_are_told_apart():
    Path("empty").mkdir()
    missing = invoke("compress", "-r", "absent", "photos", "--output-dir", "out", *MODEL)
    assert missing.exit_code == 1
    assert missing.stderr.startswith("nelloc: absent: cannot be read")
    assert files_in("out") == OUTPUTS
    empty = invoke("compress", "-r", "empty", "--output-dir", "none", *MODEL)
    assert (empty.exit_code, empty.stderr) == (0, "empty: skipped, no images there\n")
    assert not Path("none").exists()


def test_wrong_usage_is_refused():
    for arguments in (
        ("photos/a.png", "--jobs", "2"),
        ("photos/a.png", "--dask", "localhost:1"),
        ("-r", "-"),
        ("-r", "photos", "--jobs", "0"),
        ("-r", "photos", "--rm", "--no-verify"),
        ("-r", "photos", "--adapt"),
        ("-r", "photos", "--adapt", "--output-dir", "out", "--jobs", "2"),
        ("-", "--rm"),
        ("photos/a.png", "-", "--rm"),
    ):
        result = invoke("compress", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
    assert files_in("photos") == sorted(name.removeprefix("photos/") for name in TREE)


def test_a_second_run_skips_what_is_done_and_does_what_is_new():
    compressed()
    before = {name: Path("out", name).stat().st_ino for name in OUTPUTS}
    Image.fromarray(pixels("new")).save("photos/sub/new.png")
    for command, source, target, new in (
        ("compress", "photos", "out", "photos/sub/new.png"),
        ("decompress", "out", "back", None),
        ("decompress", "out", "back", None),
    ):
        result = invoke(command, "-r", source, "--output-dir", target, "--json", *MODEL)
        assert result.exit_code == 0
        if new is not None:
            assert [row["source"] for row in rows(result) if row["status"] == "done"] == [new]
    assert [row["status"] for row in rows(result)] == ["skipped"] * 5
    assert before == {name: Path("out", name).stat().st_ino for name in OUTPUTS}


def test_force_does_all_again():
    compressed()
    result = invoke("compress", "-r", "photos", "--output-dir", "out", "--json", "--force", *MODEL)
    assert [row["status"] for row in rows(result)] == ["done"] * 4


@pytest.mark.parametrize("change", ["newer input", "damaged output", "other file", "link"])
def test_an_output_that_is_not_the_inputs_is_kept_and_named(change):
    compressed()
    target = Path("out/a.nlc")
    times = target.stat()
    match change:
        case "newer input":
            os.utime("photos/a.png")
        case "damaged output":
            target.write_bytes(target.read_bytes()[:-1])
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        case "other file":
            target.write_bytes(b"something else")
        case "link":
            target.rename("elsewhere.nlc")
            target.symlink_to(Path("elsewhere.nlc").absolute())
    before = target.read_bytes()
    result = invoke("compress", "-r", "photos", "--output-dir", "out", *MODEL)
    assert result.exit_code == 1
    assert "nelloc: out/a.nlc: exists, but " in result.stderr
    assert "3 skipped; 1 failed" in result.stderr
    assert target.read_bytes() == before
    assert invoke("compress", "-r", "photos", "--output-dir", "out", "-f", *MODEL).exit_code == 0
    assert target.read_bytes() == nelloc.encode(pixels(TREE[0]), model="model.nlm")


@pytest.mark.parametrize(
    ("options", "make", "cause"),
    [
        ((), lambda data: data[:-3], "so it is damaged"),
        ((), lambda data: data[:4] + bytes([data[4] | 0x20]) + data[5:], "has format version 3"),
        (("--max-pixels", "3"), lambda data: data, "above the limit of 3"),
    ],
)
def test_an_output_that_cannot_be_read_is_called_what_it_is(options, make, cause):
    """One of a later version, or above a limit, is not damaged, nor to be replaced without a look."""
    compressed()
    made = Path("out/a.nlc")
    times = made.stat().st_atime_ns, made.stat().st_mtime_ns
    made.write_bytes(make(made.read_bytes()))
    os.utime(made, ns=times)
    result = invoke("compress", "-r", "photos", "--output-dir", "out", *MODEL, *options)
    assert result.exit_code == 1
    assert "nelloc: out/a.nlc: exists, but " in result.stderr
    assert cause in result.stderr
    assert "look at it before you replace it with --force" in result.stderr


def test_jobs_change_nothing_but_the_time():
    compressed()
    Path("photos/bad.png").write_bytes(b"no image")
    result = invoke("compress", "-r", "photos", "--output-dir", "two", "--jobs", "2", "--json", *MODEL)
    assert sorted((row["source"], row["status"]) for row in rows(result)) == sorted(
        [*((name, "done") for name in TREE), ("photos/bad.png", "failed")]
    )
    assert result.exit_code == 1
    for name in OUTPUTS:
        assert Path("two", name).read_bytes() == Path("out", name).read_bytes()
    back = invoke("decompress", "-r", "two", "--output-dir", "back", "--jobs", "2", "--rm", *MODEL)
    assert back.exit_code == 0
    assert files_in("two") == []


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_stops_all_processes_and_leaves_whole_files(jobs):
    random = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(random.integers(0, 256, (400, 400, 3), dtype=np.uint8)).save(f"photos/large{number}.png")
    arguments = ["compress", "-r", "photos", "--output-dir", "out", "--jobs", jobs, "--threads", "1", *MODEL]
    with subprocess.Popen(
        [sys.executable, "-m", "nelloc", *arguments],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait_until(lambda: list(Path("out").rglob("*.nlc")), process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        # Other processes end where they next tell of their work, which may be long on a busy machine.
        _, messages = wait_for_end(process, seconds=600)
    assert process.returncode == 1
    assert "Traceback" not in messages
    assert not list(Path("out").rglob(".*"))
    wait_until(lambda: not group_lives(process.pid))  # what watches over semaphores ends a little later
    done = files_in("out")
    assert 0 < len(done) < 10
    for name in done:
        assert invoke("verify", f"out/{name}", *MODEL).exit_code == 0
