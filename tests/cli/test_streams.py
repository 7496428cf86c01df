"""Promises of the standard streams: data and reports do not mix, and no end of them gives a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from running import MODEL, environment, invoke, run

from nelloc.cli import common
from nelloc.cli.table import aligned

pytestmark = pytest.mark.usefixtures("photo_folder")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_standard_output_gives_one_line():
    for arguments in (
        ["compress", "photo.png", "-", *MODEL],
        ["info", "file.nlc"],
        ["verify", "file.nlc", "--json", *MODEL],
        ["--version"],
        ["--help"],
        ["compress", "--help"],
    ):
        with open("/dev/full", "wb") as full:
            done = run(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1
        assert done.stderr.startswith(b"nelloc: standard output: cannot be written")
        assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not limit the size of files")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_output_that_takes_a_part_gives_one_line(unbuffered):
    import resource

    def limit() -> None:  # as a disk that becomes full: the write before the one that fails is cut short
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    given = environment() | {"PYTHONUNBUFFERED": unbuffered}
    for arguments in (["compress", "photo.png", "-", "-q", *MODEL], ["info", "file.nlc"], ["models", "--json"]):
        command = [sys.executable, "-B", "-m", "nelloc", *arguments]
        with open("part", "wb") as part:
            done = subprocess.run(command, check=False, stdout=part, stderr=subprocess.PIPE, preexec_fn=limit,
                                  env=given)  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.startswith(b"nelloc: standard output: cannot be written (File too large)")
        assert done.stderr.count(b"\n") == 1
        assert Path("part").stat().st_size == 10
    assert run("compress", "photo.png", "-", "-q", *MODEL, env=given).stdout == Path("file.nlc").read_bytes()
    assert json.loads(run("models", "--json", env=given).stdout)


def test_a_reader_that_goes_away_gives_no_traceback():
    for arguments in (["compress", "photo.png", "-", "-q", *MODEL], ["info", "file.nlc"]):
        command = [sys.executable, "-m", "nelloc", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 1


def test_closed_streams_give_one_line():
    for redirection, arguments, name in ((">&-", ["photo.png", "-"], b"output"), ("<&-", ["-", "-"], b"input")):
        shell = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-m", "nelloc", "compress"]
        done = subprocess.run([*shell, *arguments, *MODEL], check=False, capture_output=True, env=environment())
        assert done.returncode == 1
        assert done.stderr.startswith(b"nelloc: standard " + name)
        assert done.stderr.count(b"\n") == 1


def test_a_standard_input_that_cannot_be_read_is_named():
    with open(os.devnull, "wb") as only_written:
        done = run("compress", "-", "out.nlc", *MODEL, data=None, stdin=only_written)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"nelloc: standard input: cannot be read (Bad file descriptor); ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero")
def test_input_that_never_ends_is_refused_in_one_line():
    whole = Path("file.nlc").read_bytes()
    for data in (whole, whole[:20], b""):
        Path("start").write_bytes(data)
        for command in ("decompress - out.png", "verify -", "info -"):
            shell = ["sh", "-c", f'cat start /dev/zero | "$0" -m nelloc {command}', sys.executable]
            done = subprocess.run(shell, check=False, capture_output=True, env=environment())
            assert (done.returncode, done.stdout) == (1, b""), data
            assert done.stderr.startswith(b"nelloc: standard input: ")
            assert done.stderr.count(b"\n") == 1
    for command in (["decompress", "/dev/zero", "out.png"], ["verify", "/dev/zero"], ["info", "/dev/zero"]):
        done = run(*command)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
        assert done.stderr.startswith(b"nelloc: /dev/zero: it is not an nlc file")
    done = run("compress", "--max-pixels", "1", "/dev/zero", "out.nlc")
    assert done.stderr.startswith(b"nelloc: /dev/zero: exceeds the 1073741848 bytes of a stream; ")
    assert not list(Path().glob("out.*"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("target", [["-"], ["back.png"], []])
def test_a_named_pipe_is_read_once(target):
    os.mkfifo("pipe.nlc")
    writer = threading.Thread(target=lambda: Path("pipe.nlc").write_bytes(Path("file.nlc").read_bytes()))
    writer.start()
    done = run("decompress", "pipe.nlc", *target, *MODEL)
    writer.join()
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1), done.stderr
    found = done.stdout if target == ["-"] else Path(*target or ["pipe.png"]).read_bytes()
    run("decompress", "file.nlc", "right.png", *MODEL)
    assert found == Path("right.png").read_bytes()


def test_a_name_that_is_not_text_is_no_problem():
    name = b"\xff.nlc"
    try:
        Path(os.fsdecode(name)).write_bytes(Path("file.nlc").read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    for encoding in ("utf-8", "utf-8:surrogateescape", "ascii"):
        for arguments in (["info"], ["info", "--json"], ["verify", *MODEL], ["verify", "--json", *MODEL]):
            done = run(*arguments, name, env=environment() | {"PYTHONIOENCODING": encoding})
            assert (done.returncode, done.stderr) == (0, b"")
            if "--json" in arguments:
                assert os.fsencode(json.loads(done.stdout)["file"]) == name
            else:
                assert name in done.stdout


def test_a_name_that_standard_output_cannot_write_is_no_problem():
    Path("\u00e4.nlc").write_bytes(Path("file.nlc").read_bytes())
    done = run("verify", "\u00e4.nlc", *MODEL, env=environment() | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\xe4.nlc: whole, 20 x 5 pixels\n", b"")


def test_without_standard_error_the_work_is_done():
    for redirection in ("2>&-", *(["2>/dev/full"] if Path("/dev/full").exists() else [])):
        for arguments, status in ((["photo.png", "-vf"], 0), (["photo.png"], 1)):
            shell = ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-m", "nelloc", "compress"]
            done = subprocess.run([*shell, *arguments, *MODEL], check=False, capture_output=True, env=environment())
            assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")


def test_without_standard_error_no_bar_shows(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    now = 1000.0
    monkeypatch.setattr("tqdm.std.time", lambda: now)
    with common.coding(common.Printer(), "decode", threads=1) as options:
        options.progress.expect(4_000_000)
        now += 1.05
        options.progress.advance(1_000_000)


def test_numbers_that_json_has_not_are_null(capsys):
    common.print_json({"a": [float("nan"), 1.5], "b": {"c": float("-inf")}, "d": True})
    assert json.loads(capsys.readouterr().out) == {"a": [None, 1.5], "b": {"c": None}, "d": True}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("quiet", "terminal"), [(False, True), (True, True), (False, False)])
def test_a_bar_shows_on_a_terminal_once_the_work_has_taken_a_second(monkeypatch, quiet, terminal):
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    now = 1000.0
    monkeypatch.setattr("tqdm.std.time", lambda: now)
    with common.coding(common.Printer(quiet=quiet), "decode", threads=1) as options:
        options.progress.expect(4_000_000)
        options.progress.advance(1_000_000)
        assert stream.getvalue() == ""
        now += 1.05
        options.progress.advance(1_000_000)
        shown = stream.getvalue()
    if quiet or not terminal:
        assert shown == ""
    else:
        assert "2.00/4.00 Mpx" in shown
        assert "Mpx/s" in shown


def test_no_control_character_reaches_a_terminal():
    name = "a\x1b[2J\x9b\x7f\r\nb.nlc"
    failed = invoke("info", name)
    assert failed.stderr.startswith(r"nelloc: a\x1b[2J\x9b\x7f\x0d\nb.nlc: cannot be read")
    Path("file.nlc").rename(name)
    shown = invoke("info", name).stdout
    assert shown.splitlines()[0] == r"file   a\x1b[2J\x9b\x7f\x0d\nb.nlc"
    assert json.loads(invoke("info", name, "--json").stdout)["file"] == name
    done = invoke("decompress", name, "b\x1b.png", *MODEL)
    assert done.exit_code == 0
    assert "\x1b" not in done.stderr


def test_a_file_has_one_line_even_if_its_name_has_two():
    Path("file.nlc").rename("a\nb.nlc")
    assert invoke("verify", "a\nb.nlc", *MODEL).stdout.splitlines()[0].startswith(r"a\nb.nlc: whole")
    assert len(invoke("decompress", "a\nb.nlc", *MODEL).stderr.splitlines()) == 1
    assert len(invoke("compress", "photo.png", "c\nd.nlc", *MODEL).stderr.splitlines()) == 1
    assert aligned([["a\nb", "1"], ["c", "22"]]) == [r"a\nb   1", "c     22"]
