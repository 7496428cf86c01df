"""Running the command line, in the process of the test and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

import nelloc
from nelloc.cli.main import main

_WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from nelloc.cli.main import main; main(prog_name='nelloc')"


def environment() -> dict[str, str]:
    """That of a user: unbuffered output would hide what Python says at exit of output that it cannot write."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return kept | {"PYTHONPATH": str(Path(nelloc.__file__).parents[1])}


def invoke(*arguments: str, data: bytes | None = None) -> Result:
    """Run the command in this process. Anything but a proper exit is raised."""
    return CliRunner().invoke(main, arguments, input=data, prog_name="nelloc", catch_exceptions=False)


def run(*arguments: str | bytes, data: bytes = b"", **options) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "nelloc", *arguments]
    options = {"input": data, "capture_output": True, "env": environment()} | options
    return subprocess.run(command, check=False, **options)


def run_without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process in which torch cannot be imported."""
    command = [sys.executable, "-c", _WITHOUT_TORCH, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment())


# In the folder of the fixture photo_folder:
BEFORE = ["file.nlc", "model.nlm", "photo.png"]
MODEL = ("--model", "model.nlm")
COMMANDS = ("compress", "decompress", "info", "verify")


def names() -> list[str]:
    """What is in the current folder."""
    return sorted(os.listdir())


def assert_failed(result: Result, *words: str) -> None:
    """One line on standard error that begins "nelloc: " and has ``words``; nothing else, nothing new; exit status 1."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("nelloc: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr
    assert names() == BEFORE
