"""Promises of the programs in benchmarks/ and scripts/: their reports name the commands that make them."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def program(monkeypatch):
    """Imports a program by name."""

    def imported(name: str):
        monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
        monkeypatch.syspath_prepend(str(ROOT / "scripts"))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return imported


@pytest.mark.parametrize(("name", "options"), [("adapt", []), ("adapt-no-learn", ["--no-learn"])])
def test_the_reports_of_adaptation_are_what_their_commands_write(program, name, options):
    out = f"benchmarks/results/{name}"
    adapt = program("adapt")
    args = adapt.arguments(["--data", "../shared/data", "--out", out, "--threads", "1", *options])
    rows = adapt.kept(ROOT / f"{out}.csv", [], [])
    assert adapt.report(rows, args) == (ROOT / f"{out}.md").read_text()


def test_the_search_for_adaptation_uses_the_program_s_tiles(program, monkeypatch):
    from nelloc.effort import photograph_tile

    search = program("search_adapt")
    tiles = []

    class Done:
        model, differences = None, b""

    monkeypatch.setattr(search, "adapt", lambda images, base, tile, plan: tiles.append(tile) or Done)
    search.differences(None, None, search.Plan(1000))
    assert tiles == [photograph_tile(True)]
