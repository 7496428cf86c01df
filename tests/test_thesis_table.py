"""docs/THESIS.md has a row for all that the thesis numbers, and what it and RESULTS.md name exists."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import pytest

from nelloc.research.registry import EXPERIMENTS

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "THESIS.md").read_text()
RESULTS = (ROOT / "docs" / "RESULTS.md").read_text()

# How many equations, figures and tables each chapter and appendix has.
EQUATIONS = {"1": 23, "2": 51, "3": 17, "4": 34, "5": 7, "A": 20, "B": 11, "C": 7}
FIGURES = {"1": 1, "2": 7, "3": 5, "4": 6, "5": 7, "A": 1, "C": 3, "D": 1}
TABLES = {"2": 1, "4": 2, "5": 7}
ALGORITHMS = 6


def numbered() -> list[str]:
    """What there is to have a row."""
    found = [f"Algorithm {number + 1}" for number in range(ALGORITHMS)]
    for kind, counts in (("eq.", EQUATIONS), ("Figure", FIGURES), ("Table", TABLES)):
        found += [f"{kind} {chapter}.{number + 1}" for chapter, count in counts.items() for number in range(count)]
    return found


def rows() -> dict[str, list[str]]:
    """The cells of each row of five, by its first."""
    found: dict[str, list[str]] = {}
    for line in TABLE.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[0] not in ("thesis", "---"):
            assert cells[0] not in found, f"{cells[0]} has two rows"
            found[cells[0]] = cells
    return found


def equation_tests() -> str:
    """The tests of equations and slips, as text."""
    return "".join(path.read_text() for path in sorted((ROOT / "tests" / "research" / "thesis").glob("*.py")))


def test_all_that_the_thesis_numbers_has_one_row():
    assert sorted(rows()) == sorted(numbered())


def test_no_cell_is_empty_and_every_state_is_one_of_three():
    for cells in rows().values():
        assert all(cells), cells
        assert cells[2] in ("as written", "otherwise", "missing"), cells
        assert "`" in cells[4], cells


def test_every_test_that_is_named_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE)
    assert len(named) > 100
    for file, name in set(named):
        assert f"def {name}(" in (ROOT / file).read_text(), (file, name)
    alone = re.findall(r"`(test_slip_\w+)`", TABLE)
    assert len(alone) > 10
    equations = equation_tests()
    assert [name for name in alone if f"def {name}(" not in equations] == []


def test_every_slip_that_is_computed_is_named():
    assert [name for name in re.findall(r"def (test_slip_\w+)", equation_tests()) if f"`{name}`" not in TABLE] == []


@pytest.mark.parametrize("text", [TABLE, RESULTS], ids=["THESIS.md", "RESULTS.md"])
def test_every_command_that_is_named_exists(text):
    from nelloc.cli.main import main

    names = {experiment.name for experiment in EXPERIMENTS} | {"list", "bits-back", "NAME"}
    found = set(re.findall(r"nelloc research ([\w-]+)", text))
    assert found
    assert found <= names
    for command in set(re.findall(r"`nelloc ([\w-]+)", text)):
        assert command in main.commands, command
    for script in set(re.findall(r"python ((?:benchmarks|scripts)/\w+\.py)", text)):
        assert (ROOT / script).is_file(), script


def test_every_experiment_has_a_row():
    named = set(re.findall(r"`nelloc research ([\w-]+)`", TABLE)) | set(re.findall(r"`([\w-]+)`", RESULTS))
    assert [experiment.name for experiment in EXPERIMENTS if experiment.name not in named] == []


@pytest.mark.parametrize("text", [TABLE, RESULTS], ids=["THESIS.md", "RESULTS.md"])
def test_every_file_that_is_cited_is_there(text):
    cited = re.findall(r"\]\(([^)#]+)\)", text) + [
        f"../{name}" for name in re.findall(r"`(benchmarks/[\w./-]+)`", text)
    ]
    assert cited
    missing = [name for name in cited if "://" not in name and not (ROOT / "docs" / name).exists()]
    assert missing == []


def test_nothing_is_said_to_be_out_of_reach():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    documents += [path for room in ("nelloc", "benchmarks", "scripts") for path in (ROOT / room).rglob("*.py")]
    assert [path.name for path in documents if "not to hand" in path.read_text()] == []


def test_every_result_is_that_of_an_experiment_and_cited():
    """What lies in benchmarks/results/research was written by a command, and RESULTS.md leads to it."""
    names = {experiment.name for experiment in EXPERIMENTS}
    results = sorted((ROOT / "benchmarks" / "results" / "research").glob("*.json"))
    assert results
    for path in results:
        report = json.loads(path.read_text())
        run = report["settings"]["length"]
        assert report["experiment"] in names
        assert path.stem == f"{report['experiment']}-{run}-seed{report['settings']['seed']}"
        assert f"research/{path.name})" in RESULTS, path.name


def test_quick_runs_were_measured_below_two_minutes():
    with (ROOT / "benchmarks" / "results" / "quick_times.csv").open(newline="") as file:
        seconds = {row["experiment"]: float(row["seconds"]) for row in csv.DictReader(file)}
    assert seconds
    assert set(seconds) <= {experiment.name for experiment in EXPERIMENTS}
    assert {name: value for name, value in seconds.items() if value >= 120} == {}


def test_every_row_of_results_has_all_its_cells():
    """Thesis's value, ours, run and seeds, what differs and why."""
    found = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in RESULTS.splitlines()]
    six = [cells for cells in found if len(cells) == 6]
    assert len(six) > 60
    assert [cells for cells in six if not all(cells)] == []


def test_the_table_of_orders_is_what_the_committed_results_say(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "thesis_orders", raising=False)
    import thesis_orders

    assert "\n".join(thesis_orders.rows()) in RESULTS
    assert all(thesis_orders.results(order) for order in thesis_orders.ORDERS)
