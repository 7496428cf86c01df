"""The experiments of chapter 3 show what the thesis says, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

from nelloc.research.experiment import Settings, perform  # noqa: E402
from nelloc.research.fisher import EXPERIMENTS, mixture, stein_blindness  # noqa: E402

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


def numbers_of(name: str, folder: Path, **fields) -> dict:
    """Run an experiment quickly; its numbers as they were written."""
    perform(BY_NAME[name], Settings(out=folder, quick=True, **fields))
    return json.loads((folder / f"{name}.json").read_text())["numbers"]


def test_fisher_blindness(tmp_path):
    numbers = numbers_of("fisher-blindness", tmp_path)
    assert numbers["fisher"] < 1e-4
    assert numbers["largest_fisher"] < 1e-4
    assert numbers["kl"] > 0.5
    # Near modes are seen.
    assert numbers["fisher_by_distance"][0] > 0.05


def test_disconnected_supports(tmp_path):
    numbers = numbers_of("disconnected-supports", tmp_path)
    assert numbers["largest_fisher"] < 1e-20
    assert numbers["kl"] == pytest.approx(0.6 * torch.tensor(4.0).log().item(), abs=1e-4)
    assert numbers["mixture_fisher"] > 0.1


def test_mixture_fisher(tmp_path, monkeypatch):
    monkeypatch.setattr(mixture, "PROPORTIONS", [step / 20 for step in range(1, 20)])
    monkeypatch.setattr(mixture, "QUICK_POINTS", 20_000)
    numbers = numbers_of("mixture-fisher", tmp_path)
    assert abs(numbers["minimum"] - numbers["true_proportion"]) < 0.02
    assert abs(numbers["estimated_minimum"] - numbers["true_proportion"]) < 0.02
    assert numbers["range_of_mixture_fisher"] > 1000 * numbers["range_of_fisher"]


def test_stein_blindness(tmp_path, monkeypatch):
    monkeypatch.setattr(stein_blindness, "PROPORTIONS", [0.5, stein_blindness.MODEL])
    numbers = numbers_of("stein-blindness", tmp_path)
    assert numbers["largest_stein"] < 1e-9
    assert numbers["bridged_stein"] > 1e-3
    assert numbers["estimated_stein_of_shifted"] > 100 * abs(numbers["estimated_stein_of_model"])
