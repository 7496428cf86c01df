"""The experiments of chapter 3 show what the thesis says, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

from nelloc.research.experiment import Settings, perform  # noqa: E402
from nelloc.research.fisher import EXPERIMENTS, annealed_denoising, mixture, spread_fisher, stein_blindness  # noqa: E402
from nelloc.research.fisher.divergences import score_and_laplacian  # noqa: E402

BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


def numbers_of(name: str, folder: Path, **fields) -> dict:
    """Run an experiment quickly; its numbers as they were written."""
    perform(BY_NAME[name], Settings(out=folder, length="quick", **fields))
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


def test_spread_fisher(tmp_path, monkeypatch):
    monkeypatch.setattr(spread_fisher, "DRAWN", (1.0,))
    monkeypatch.setattr(spread_fisher, "SCALES", (0.5, 2.0))
    numbers = numbers_of("spread-fisher", tmp_path)
    assert numbers["fisher_of_bumps"] == 0
    assert min(numbers["spread_fisher_of_bumps"]) > 1e-3
    assert numbers["minimum"]["noise 1"] == pytest.approx(0.2)
    assert numbers["largest_error_against_the_closed_form"] < 1e-8
    assert abs(numbers["error_of_equation_3.15"]) < 1e-8


def test_annealed_denoising_loses_the_proportion_if_the_noise_goes_to_nothing(tmp_path):
    """Figure 3.4, with both readings of its annealing: 0.9999 per iteration, and down to 0.001."""
    numbers = numbers_of("annealed-denoising", tmp_path, epochs=1000)
    assert numbers["noise after 10,000 iterations, factor 0.9999"] == pytest.approx(3 * 2.718281828**-1.00005, rel=1e-3)
    ends = {name: numbers[name][-1] for name in ("factor 0.9999", "down to 0.001")}
    assert ends["factor 0.9999"]["noise"] == pytest.approx(1.1036, abs=1e-4)
    assert ends["down to 0.001"]["noise"] == pytest.approx(0.001)
    assert abs(ends["factor 0.9999"]["proportion"] - 0.2) < 0.15
    assert ends["down to 0.001"]["kl"] > 5 * ends["factor 0.9999"]["kl"]


def test_the_line_energys_derivatives_are_those_of_automatic_differentiation():
    torch.manual_seed(1)
    energy, points = annealed_denoising.LineEnergy(), 3 * torch.randn(20, 1)
    expected = score_and_laplacian(energy, points)
    first, second = energy.score_and_curvature(points)
    torch.testing.assert_close(first, expected[0])
    torch.testing.assert_close(second.squeeze(-1), expected[1])
