"""Promises of the frame: a result is whole or absent, follows the seed, and early errors come early."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nelloc import storage
from nelloc.errors import NellocError
from nelloc.research.experiment import Experiment, ExperimentResult, Settings, perform
from nelloc.research.plots import new_figure
from nelloc.research.registry import EXPERIMENTS
from nelloc.research.stages import stage

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

SAMPLE = Experiment("sample", "A sample", "sample_experiment", thesis={"value": 2.0})


def simple_run(settings: Settings) -> ExperimentResult:
    figure = new_figure(2, 1)
    figure.subplots().plot([0, 1])
    settings.progress.expect(1)
    settings.progress.advance()
    return ExperimentResult({"value": torch.rand(()).item(), "limit": float("inf"), "rows": [1, 2]}, {"": figure})


@pytest.fixture
def sample(monkeypatch):
    """Lets a test say what the sample experiment does."""

    def install(run=simple_run) -> Experiment:
        monkeypatch.setitem(sys.modules, SAMPLE.module, SimpleNamespace(run=run))
        return SAMPLE

    return install


def test_a_result_is_a_json_file_and_a_plot(sample, tmp_path):
    report = perform(sample(), Settings(out=tmp_path / "new", seed=5, length="quick"))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["sample.json", "sample.png"]
    saved = json.loads((tmp_path / "new" / "sample.json").read_text())
    assert saved["settings"] == {"seed": 5, "epochs": None, "width": None, "length": "quick"}
    assert saved["device"] == "cpu"
    assert saved["thesis"] == {"value": 2.0}
    assert saved["numbers"] == report["numbers"] | {"limit": "inf"}
    assert saved["plots"] == ["sample.png"]
    assert {"nelloc", "torch", "scipy", "numpy", "python"} <= saved["versions"].keys()


def test_a_device_that_cannot_be_used_is_refused_before_anything_is_done(sample, tmp_path):
    runs = []
    experiment = replace(sample(runs.append), has_device=True)
    with pytest.raises(NellocError, match=r"^device nonsense: cannot be used .*; choose another with --device$"):
        perform(experiment, Settings(out=tmp_path / "new", device="nonsense"))
    assert not runs
    assert not list((tmp_path / "new").iterdir())


def test_an_experiment_without_networks_asks_for_no_device(sample, tmp_path):
    assert perform(sample(), Settings(out=tmp_path, device="nonsense"))["device"] == "cpu"


def test_several_plots_have_their_own_names(sample, tmp_path):
    report = perform(
        sample(lambda settings: ExperimentResult({}, {"a": new_figure(1, 1), "b": new_figure(1, 1)})),
        Settings(out=tmp_path),
    )
    assert report["plots"] == ["sample-a.png", "sample-b.png"]
    assert all((tmp_path / name).is_file() for name in report["plots"])


def test_numbers_follow_the_seed(sample, tmp_path):
    first, second, other = (
        perform(sample(), Settings(out=tmp_path, seed=seed), force=True)["numbers"]["value"] for seed in (3, 3, 4)
    )
    assert first == second != other


@pytest.mark.parametrize("error", [KeyboardInterrupt, NellocError, MemoryError])
def test_a_run_that_stops_leaves_nothing_and_keeps_the_result_of_before(sample, tmp_path, error):
    def stop(settings):
        raise error("stopped")

    with pytest.raises(error):
        perform(sample(stop), Settings(out=tmp_path))
    assert list(tmp_path.iterdir()) == []
    perform(sample(), Settings(out=tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(error):
        perform(sample(stop), Settings(out=tmp_path), force=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_finished_stages_stay_after_a_stop_and_go_with_the_result(sample, tmp_path):
    made = []

    def run(settings, stop):
        tensors = stage(settings, "first", lambda: made.append(1) or {"x": torch.rand(2)})
        if stop:
            raise KeyboardInterrupt
        return ExperimentResult({"x": tensors["x"].tolist()}, {"": new_figure(1, 1)})

    with pytest.raises(KeyboardInterrupt):
        perform(sample(lambda settings: run(settings, True)), Settings(out=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["sample.stages"]
    resumed = perform(sample(lambda settings: run(settings, False)), Settings(out=tmp_path))
    assert len(made) == 1
    assert not (tmp_path / "sample.stages").exists()
    whole = perform(sample(lambda settings: run(settings, False)), Settings(out=tmp_path / "whole"))
    assert whole["numbers"] == resumed["numbers"]


@pytest.mark.parametrize("written", [1, 2])  # the first is a trial
def test_a_stop_while_saving_leaves_no_json(sample, tmp_path, monkeypatch, written):
    perform(sample(), Settings(out=tmp_path))
    real, count = storage.write, 0

    def write(*arguments, **options):
        nonlocal count
        if count == written:
            raise KeyboardInterrupt
        count += 1
        real(*arguments, **options)

    monkeypatch.setattr(storage, "write", write)
    with pytest.raises(KeyboardInterrupt):
        perform(sample(), Settings(out=tmp_path), force=True)
    assert not (tmp_path / "sample.json").exists()


def test_a_diverged_run_has_no_result(sample, tmp_path):
    nan = ExperimentResult({"losses": {"last": float("nan")}}, {"": new_figure(1, 1)})
    with pytest.raises(NellocError, match=r"sample\.numbers\.losses\.last: is not a number"):
        perform(sample(lambda settings: nan), Settings(out=tmp_path))
    assert list(tmp_path.iterdir()) == []


def never(settings: Settings) -> ExperimentResult:
    raise AssertionError("ran")


def test_an_existing_result_is_refused_before_the_run(sample, tmp_path):
    (tmp_path / "sample.json").write_text("kept")
    with pytest.raises(NellocError, match=r"sample\.json: exists already; use --force"):
        perform(sample(never), Settings(out=tmp_path))
    assert (tmp_path / "sample.json").read_text() == "kept"


def test_a_folder_that_cannot_be_is_refused_before_the_run(sample, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NellocError, match="cannot be written"):
        perform(sample(never), Settings(out=tmp_path / "file" / "results"))


@pytest.mark.parametrize("data", [None, Path("nowhere")])
def test_missing_data_is_said_before_the_run(sample, tmp_path, data):
    needy = Experiment("sample", "A sample", sample(never).module, data=("mnist",))
    with pytest.raises(NellocError, match=r"mnist.*give the folder that has it with --data"):
        perform(needy, Settings(out=tmp_path, data=data))
    assert list(tmp_path.iterdir()) == []


def test_epochs_are_the_users_or_those_of_the_length():
    assert Settings(epochs=7).epochs_or(1, 2) == 7
    assert Settings(length="quick").epochs_or(1, 2) == 1
    assert Settings().epochs_or(1, 2) == Settings().epochs_or(1, 2, 3) == 2
    assert Settings(length="medium").epochs_or(1, 2) == 1
    assert Settings(length="medium").epochs_or(1, 2, 3) == 3


def test_names_are_unique_and_fit_files_and_commands():
    names = [experiment.name for experiment in EXPERIMENTS]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert all(not experiment.title.endswith(".") for experiment in EXPERIMENTS)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_every_experiment_can_be_run(experiment):
    assert callable(experiment.run)
