"""Promises of starting up: a command imports what it needs and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from materials import GOLDEN
from running import environment

from nelloc.exact import native

# Slow to import, and needed by other commands, by bars on a terminal, or where the core is not built.
_NOT_NEEDED = {
    "importlib.metadata",
    "matplotlib",
    "multiprocessing",
    "nelloc.bench",
    "nelloc.cli.bench",
    "nelloc.cli.compress",
    "nelloc.cli.research",
    "nelloc.cli.train",
    "nelloc.codec.process_pool",
    "nelloc.ood",
    "nelloc.research",
    "nelloc.training",
    "platformdirs",
    "scipy",
    "threadpoolctl",
    "torch",
    "tqdm",
}
_LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"
# The help of each command and of those below it, experiments among them.
_ALL_HELP = """
import click
from nelloc.cli.main import main

def show(command, *names):
    try:
        main([*names, "--help"], prog_name="nelloc")
    except SystemExit as end:
        assert end.code == 0, names
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            show(command.get_command(click.Context(command), name), *names, name)

show(main)
"""
_COMMAND = f"import sys\nfrom nelloc.cli.main import main\ntry:\n    main(sys.argv[1:])\nfinally:\n    {_LOADED}"


def loaded(code: str, *arguments: str) -> set[str]:
    """Modules that a process has in the end, which prints them on its last line."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.skipif(native.missing() is not None, reason="the core is not built")
def test_decompressing_imports_no_other_command_and_nothing_for_other_ways(tmp_path):
    target = tmp_path / "photo.png"
    found = loaded(_COMMAND, "decompress", str(GOLDEN / "small-default.nlc"), str(target))
    assert target.exists()
    assert {"nelloc.cli.decompress", "nelloc.codec.decode", "numpy"} <= found
    assert not _NOT_NEEDED & (found - loaded(_LOADED))


def test_the_list_of_commands_is_known_without_importing_them():
    code = "from nelloc.cli.main import main; assert 'research' in main.commands and len(list(main.commands)) > 10\n"
    assert {name for name in loaded(code + _LOADED) if name.startswith("nelloc.cli.")} == {
        "nelloc.cli.common",
        "nelloc.cli.main",
        "nelloc.cli.parameters",
    }


def test_help_of_every_command_and_experiment_is_printed_without_torch():
    found = loaded(_ALL_HELP + _LOADED)
    assert {"nelloc.cli.research", "nelloc.cli.bits_back", "nelloc.cli.ood_score", "nelloc.cli.train"} <= found
    assert not {"torch", "matplotlib", "scipy"} & (found - loaded(_LOADED))
