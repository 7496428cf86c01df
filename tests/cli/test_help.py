"""Promises of the help, and of a command line that does not import what it does not need."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from running import COMMANDS, MODEL, assert_failed, environment, invoke

from nelloc.cli import common
from nelloc.cli.help import GroupedCommand
from nelloc.cli.main import main
from nelloc.codec.effort import DEFAULT_EFFORT
from nelloc.codec.options import EncodeOptions
from nelloc.codec.tiling import MAX_TILE, MIN_TILE
from nelloc.exact.backends import BACKENDS
from nelloc.exact.decoders import DECODERS
from nelloc.image import limits

pytestmark = pytest.mark.usefixtures("photo_folder")


HELP = Path(__file__).parent / "help"
# What `nelloc --help` must not wait for.
HEAVY = ("numpy", "torch", "PIL", "constriction", "safetensors", "tqdm")


@pytest.mark.parametrize("command", ["nelloc", *main.commands])
def test_help_is_the_text_in_the_help_folder(command):
    """To write the files anew after a change: NELLOC_WRITE_HELP=1 python -m pytest tests/cli -k help"""
    arguments = [] if command == "nelloc" else [command]
    runner = CliRunner()
    results = [
        runner.invoke(main, [*arguments, flag], prog_name="nelloc", terminal_width=80) for flag in ("-h", "--help")
    ]
    assert results[0].stdout == results[1].stdout
    assert [result.exit_code for result in results] == [0, 0]
    file = HELP / f"{command}.txt"
    if "NELLOC_WRITE_HELP" in os.environ:
        file.write_text(results[1].stdout)
    assert results[1].stdout == file.read_text(), test_help_is_the_text_in_the_help_folder.__doc__


GROUPED = [name for name, command in main.commands.items() if isinstance(command, GroupedCommand)]


@pytest.mark.parametrize("command", GROUPED)
def test_the_whole_help_is_the_text_in_the_help_folder(command):
    result = CliRunner().invoke(main, [command, "--help-all"], prog_name="nelloc", terminal_width=80)
    assert result.exit_code == 0
    file = HELP / f"{command}-all.txt"
    if "NELLOC_WRITE_HELP" in os.environ:
        file.write_text(result.stdout)
    assert result.stdout == file.read_text(), test_help_is_the_text_in_the_help_folder.__doc__


@pytest.mark.parametrize("command", GROUPED)
def test_every_option_is_in_one_group_and_the_rare_ones_are_hidden(command):
    grouped = main.commands[command]
    context = click.Context(grouped, info_name=command, **main.context_settings)
    names = ["help", *(one.name for one in grouped.params if isinstance(one, click.Option))]
    assert sorted(name for group in grouped.groups.values() for name in group) == sorted(names)
    assert set(grouped.rare) < set(names)
    usual, whole = ((HELP / f"{command}{suffix}.txt").read_text() for suffix in ("", "-all"))
    for option in grouped.get_params(context):
        if isinstance(option, click.Option):
            assert re.search(rf"{option.opts[-1]}\b", whole)
            shown = re.search(rf"^ +(-\w, )?{option.opts[-1]}\b", usual, re.MULTILINE) is not None
            assert shown == (option.name not in grouped.rare), option.name


def test_no_sentence_of_a_list_of_commands_is_cut():
    groups = {"": main} | {name: one for name, one in main.commands.items() if isinstance(one, click.Group)}
    for name, group in groups.items():
        for width in (40, 80, 200):
            shown = CliRunner().invoke(main, [*name.split(), "-h"], prog_name="nelloc", terminal_width=width).stdout
            commands = re.sub(r"\s+", "", shown.partition("\nCommands:\n")[2])
            assert "..." not in commands
            for command in group.commands.values():
                assert command.short_help, f"{name} {command.name}"
                assert re.sub(r"\s+", "", command.short_help) in commands
    for command in main.commands.values():
        assert command.short_help.endswith(".")


def test_every_help_says_the_exit_statuses():
    for file in HELP.glob("*.txt"):
        assert "Exit status: 0 " in file.read_text()


def test_the_names_that_the_command_line_offers_are_those_of_the_codec():
    assert tuple(DECODERS) == common.DECODER_NAMES
    assert tuple(BACKENDS) == common.BACKEND_NAMES


def test_the_defaults_of_the_command_line_are_those_of_the_codec():
    defaults = EncodeOptions()
    for command in (main.commands[name] for name in COMMANDS):
        given = command.make_context(command.name, ["IN"]).params
        for name in given.keys() & {"model", "backend", "decoder", "threads", "max_pixels", "tile"}:
            assert given[name] == getattr(defaults, name), f"{command.name}: {name}"
    tile = next(parameter.type for parameter in main.commands["compress"].params if parameter.name == "tile")
    assert (tile.min, tile.max) == (MIN_TILE, MAX_TILE)
    assert (defaults.backend, defaults.decoder, defaults.effort) == (None, None, DEFAULT_EFFORT)
    assert defaults.max_pixels == limits.MAX_PIXELS


def imported(script: str) -> set[str]:
    """The modules that a process has imported after ``script``."""
    code = f"import sys\n{script}\nprint(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    return set(done.stderr.split())


def test_import_and_help_wait_for_nothing_heavy():
    script = "import nelloc\nfrom nelloc.cli.main import main\n"
    for command in ([], *([name] for name in main.commands)):
        script += f"main({[*command, '--help']}, standalone_mode=False)\n"
    found = imported(script)
    assert "nelloc.cli.main" in found
    assert not found & set(HEAVY)


def test_compress_and_decompress_import_no_torch():
    script = "from nelloc.cli.main import main\n"
    for command in (
        ["compress", "photo.png", "-q", *MODEL],
        ["decompress", "photo.nlc", "back.png", "-q", *MODEL],
        ["verify", "photo.nlc", "-q", *MODEL],
    ):
        script += f"try:\n    main({command})\nexcept SystemExit as end:\n    assert not end.code\n"
    found = imported(script)
    assert "numpy" in found
    assert Path("back.png").exists()
    assert not {name for name in found if name.split(".")[0] == "torch"}


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_a_torch_backend_without_torch_gives_one_line():
    assert_failed(invoke("compress", "photo.png", "--backend", "torch-float32", *MODEL), "PATH[train]")
