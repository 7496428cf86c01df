"""Promises of `nelloc research`: its commands, and what they say."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import running

from nelloc.cli.research import command_of, research
from nelloc.research.experiment import Experiment, ExperimentResult, Settings
from nelloc.research.registry import EXPERIMENTS

SAMPLE = Experiment("sample", "A sample (Figure 0.1)", "sample_experiment", thesis={"value": 2.0}, data=("mnist",))
installed = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "scipy", "matplotlib")),
    reason="needs the extra [research]",
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NELLOC_DATA", raising=False)
    (tmp_path / "data" / "mnist").mkdir(parents=True)


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[Settings]:
    """The settings that the sample experiment gets; it is in the group for the test."""
    seen = []

    def run(settings: Settings) -> ExperimentResult:
        from nelloc.research.plots import new_figure

        seen.append(settings)
        settings.progress.expect(1)
        settings.progress.advance(remark="loss 1")
        return ExperimentResult({"value": 1.5, "curve": [1, 2]}, {"": new_figure(1, 1)})

    monkeypatch.setitem(sys.modules, SAMPLE.module, SimpleNamespace(run=run))
    monkeypatch.setitem(research.commands, SAMPLE.name, command_of(SAMPLE))
    return seen


invoke = partial(running.invoke, "research")


@installed
def test_options_reach_the_experiment(asked, tmp_path):
    result = invoke("sample", "--seed", "7", "--epochs", "3", "--data", "data", "--out", "there", "--quick")
    assert (result.exit_code, result.stdout) == (0, "")
    (settings,) = asked
    assert (settings.seed, settings.epochs, settings.length) == (7, 3, "quick")
    assert (str(settings.data), str(settings.out)) == ("data", "there")
    assert "--epochs does nothing" in result.stderr
    assert ["value", "1.5", "2.0"] in [line.split() for line in result.stderr.splitlines()]
    assert (tmp_path / "there" / "sample.json").is_file()


@installed
@pytest.mark.parametrize(("option", "length"), [((), "full"), (("--quick",), "quick"), (("--medium",), "medium")])
def test_a_run_has_one_of_three_lengths(asked, option, length):
    assert invoke("sample", "--data", "data", *option).exit_code == 0
    assert [settings.length for settings in asked] == [length]


@installed
def test_networks_can_be_made_narrower_where_there_are_any(asked, monkeypatch):
    assert invoke("sample", "--width", "8", "--data", "data").exit_code == 2
    monkeypatch.setitem(research.commands, SAMPLE.name, command_of(replace(SAMPLE, has_width=True)))
    result = invoke("sample", "--width", "8", "--data", "data")
    assert result.exit_code == 0, result.stderr
    assert [settings.width for settings in asked] == [8]


@installed
def test_networks_are_trained_where_the_user_says(asked, monkeypatch):
    assert invoke("sample", "--device", "cpu", "--data", "data").exit_code == 2
    monkeypatch.setitem(research.commands, SAMPLE.name, command_of(replace(SAMPLE, has_device=True)))
    assert invoke("sample", "--device", "cpu", "--data", "data").exit_code == 0
    assert [settings.device for settings in asked] == ["cpu"]
    refused = invoke("sample", "--device", "nonsense", "--data", "data", "--force")
    assert refused.exit_code == 1
    assert "device nonsense: cannot be used" in refused.stderr


@installed
def test_json_goes_to_standard_output_and_quiet_says_nothing():
    result = invoke("sample", "--data", "data", "--json", "-q")
    assert json.loads(result.stdout)["numbers"]["value"] == 1.5
    assert result.stderr == ""
    again = invoke("sample", "--data", "data")
    assert again.exit_code == 1
    assert again.stderr == "nelloc: results/sample.json: exists already; use --force to replace it\n"
    assert invoke("sample", "--data", "data", "--force", "--quiet").output == ""


@installed
def test_the_data_folder_may_be_in_the_environment(asked, monkeypatch):
    monkeypatch.setenv("NELLOC_DATA", "data")
    assert invoke("sample").exit_code == 0
    assert str(asked[0].data) == "data"


@installed
@pytest.mark.parametrize("arguments", [[], ["--data", "nowhere"]])
def test_missing_data_is_one_line(arguments, asked):
    result = invoke("sample", *arguments)
    assert (result.exit_code, result.stdout, asked) == (1, "", [])
    assert result.stderr.startswith("nelloc: ")
    assert result.stderr.endswith("give the folder that has it with --data\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["--epochs", "0"], ["--seed", "-1"], ["--seed", str(2**32)], ["--out"], ["--slow"], ["x"]],
    ids=" ".join,
)
def test_wrong_usage_has_exit_status_2(arguments, asked):
    result = invoke("sample", *arguments)
    assert (result.exit_code, asked) == (2, [])
    assert invoke("no-such-experiment").exit_code == 2


@installed
@pytest.mark.parametrize("where", ["a file", "a folder in its place"])
def test_a_result_that_could_not_be_written_is_refused_before_the_run(tmp_path, asked, where):
    if where == "a file":
        (tmp_path / "results").touch()
    else:
        (tmp_path / "results" / "sample.json").mkdir(parents=True)
    result = invoke("sample", "--data", "data", "--force")
    assert (result.exit_code, result.stdout, asked) == (1, "", [])
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.glob("results/*.trial"))


@installed
@pytest.mark.parametrize("trains", [True, False])
def test_ctrl_c_says_that_the_same_command_goes_on(monkeypatch, trains):
    def run(settings):
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, SAMPLE.module, SimpleNamespace(run=run))
    monkeypatch.setitem(research.commands, SAMPLE.name, command_of(replace(SAMPLE, trains=trains)))
    result = invoke("sample", "--data", "data")
    assert result.exit_code == 1
    assert ("sample: stopped; the same command goes on from there" in result.stderr) == trains
    assert "Aborted!" in result.stderr


@installed
def test_without_a_terminal_each_phase_is_a_line(monkeypatch):
    def run(settings):
        settings.progress.expect(2, "the first network")
        settings.progress.expect(3, "the second network")
        return ExperimentResult({"value": 1.0}, {})

    monkeypatch.setitem(sys.modules, SAMPLE.module, SimpleNamespace(run=run))
    lines = invoke("sample", "--data", "data").stderr.splitlines()
    assert lines[:2] == ["nelloc: sample: the first network", "nelloc: sample: the second network"]
    assert invoke("sample", "--data", "data", "--force", "-q").stderr == ""


def test_a_missing_library_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    result = invoke("sample", "--data", "data")
    assert result.exit_code == 1
    assert "needs scipy, which is not installed; pip install 'PATH[research]'" in result.stderr


def test_list_has_every_experiment():
    text = invoke("list").stdout
    rows = json.loads(invoke("list", "--json").stdout)
    assert [row["name"] for row in rows] == [experiment.name for experiment in EXPERIMENTS]
    for experiment in EXPERIMENTS:
        assert experiment.name in text
        assert experiment.title in text


@pytest.mark.parametrize("name", [name for name in research.commands if name != "sample"])
def test_every_command_has_help_with_the_exit_statuses(name):
    result = invoke(name, "-h")
    assert result.exit_code == 0
    assert "Usage: nelloc research " in result.stdout
