"""Promises of docs/INTEGRATION.md: its snippets work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from materials import GOLDEN, small_model_bytes

import nelloc
from nelloc.cli.desktop import command_files
from nelloc.cli.main import main
from nelloc.codec import container
from nelloc.files.convert import SUFFIX
from nelloc.plugins import freedesktop

PACKAGE = Path(nelloc.__file__).parents[1]
TEXT = (PACKAGE / "docs" / "INTEGRATION.md").read_text()
COMMAND = "import sys; sys.argv[0] = 'nelloc'; from nelloc.cli.main import main; main(prog_name='nelloc')"
TYPE = "image/x-nelloc"


def snippet(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return found


def completion(**environment: str) -> str:
    given = os.environ | {"PYTHONPATH": str(PACKAGE)} | environment
    done = subprocess.run([sys.executable, "-c", COMMAND], env=given, capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_lines_give_a_script(shell):
    assert f"_NELLOC_COMPLETE={shell}_source nelloc" in TEXT
    found = completion(_NELLOC_COMPLETE=f"{shell}_source")
    if not found:
        pytest.skip(f"click finds no {shell} here")
    assert f"_NELLOC_COMPLETE={shell}_complete" in found


def test_commands_and_options_are_completed():
    for words, expected in (("nelloc com", "compress"), ("nelloc compress --outp", "--output-dir")):
        count = str(len(words.split()) - 1)
        found = completion(_NELLOC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count)
        assert found == f"plain,{expected}\n"


@pytest.mark.skipif(shutil.which("file") is None, reason="needs file(1)")
def test_the_magic_lines_tell_nelloc_files(tmp_path):
    (tmp_path / "magic").write_text(snippet("magic"))
    (tmp_path / "model.nlm").write_bytes(small_model_bytes())
    wide = nelloc.encode(np.zeros((1, 256, 3), np.uint8), model=tmp_path / "model.nlm", verify=False)
    (tmp_path / "wide.nlc").write_bytes(wide)
    short = nelloc.encode(np.arange(9 * 256, dtype=np.uint8).reshape(9, 256) // 99 * 60, verify=False)
    assert container.parse(short).small
    (tmp_path / "short.nlc").write_bytes(short)
    (tmp_path / "other.nlc").write_bytes(b"something else")

    def said(path: Path, *flags: str) -> str:
        command = ["file", "--brief", *flags, "--magic-file", str(tmp_path / "magic"), str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert said(GOLDEN / "pixel.nlc") == "nelloc image, version 1, 1 x 1"
    assert said(GOLDEN / "small-adaptive.nlc") == "nelloc image, version 1, 16 x 12"
    assert said(tmp_path / "short.nlc") == "nelloc image, version 1, 256 x 9"
    assert said(GOLDEN / "photograph.nlc") == "nelloc image, version 1, in tiles"
    assert said(tmp_path / "wide.nlc") == "nelloc image, version 1, 256 x 1"
    assert said(GOLDEN / "pixel.nlc", "--mime-type") == TYPE
    assert "nelloc" not in said(tmp_path / "other.nlc")


def test_the_type_for_web_servers_is_that_of_the_desktop():
    assert f"AddType {TYPE} {SUFFIX}" in TEXT
    assert f"`{TYPE}`" in TEXT


def test_the_files_of_the_desktop_are_those_of_the_table():
    for place in freedesktop.own_files() | command_files(main):
        assert f"`{place}`" in TEXT
