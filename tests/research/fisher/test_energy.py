"""Energy-based models: their derivatives, normaliser and correction, and what MFD gains over FD."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from nelloc.codec.progress import Progress  # noqa: E402
from nelloc.research.experiment import Settings  # noqa: E402
from nelloc.research.fisher.densities import Bridged, gaussian, gaussian_mixture  # noqa: E402
from nelloc.research.fisher.divergences import Grid, score_and_laplacian, score_matching  # noqa: E402
from nelloc.research.fisher.energy import Energy, Training, corrected, difference, fit_fisher, normalised  # noqa: E402
from nelloc.research.fisher.energy_density import GRID, Target, four_gaussians, three_rings, weights_of  # noqa: E402


@pytest.mark.parametrize("scale", [3.0, None])
def test_derivatives_are_those_of_automatic_differentiation(scale):
    torch.manual_seed(1)
    energy, points = Energy(scale, width=16), 4 * torch.randn(30, 2)
    expected = score_and_laplacian(energy, points)
    for found, value in zip(energy.score_and_laplacian(points), expected, strict=True):
        torch.testing.assert_close(found, value)
    torch.testing.assert_close(energy.score_matching(points), score_matching(energy, points))
    parameters = list(energy.parameters())[:-1]  # the last bias is a constant of the energy
    found = torch.autograd.grad(energy.score_matching(points), parameters)
    for first, second in zip(found, torch.autograd.grad(score_matching(energy, points), parameters), strict=True):
        torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


def test_an_energy_fitted_to_a_gaussian_is_one():
    torch.manual_seed(1)
    p = gaussian((1.0, -1.0), 1.5)
    energy = Energy(1.5, width=16)
    history = fit_fisher(energy, p.sample(torch.Size((4000,))).float(), Training(10, 200, 1e-2), Progress())
    grid = Grid(12, 201, 2)
    points = p.sample(torch.Size((4000,)))
    assert float((p.log_prob(points) - normalised(energy, grid)(points)).mean()) < 0.02
    assert len(history) == 10
    assert history[-1] == pytest.approx(-1 / 1.5**2, abs=0.03)  # -E |s_p|^2 / 2, where FD is zero


def test_correction_gives_back_what_was_bridged():
    p, bridge, grid = four_gaussians().density, gaussian((0.0, 0.0), 5.0), GRID
    found = corrected(Bridged(p, bridge, 0.8).log_prob, bridge, 0.8, grid)
    points = p.sample(torch.Size((2000,)))
    # The floor costs a little mass where p is almost nothing, and stands in its place there.
    points = points[p.log_prob(points) > bridge.log_prob(points) - 3]
    assert len(points) > 1900
    torch.testing.assert_close(found(points), p.log_prob(points), atol=0.05, rtol=0)
    assert abs(grid.log_normaliser(found(grid.points))) < 1e-9


def test_the_thesiss_correction_is_zero_where_the_estimate_is_below_the_bridge():
    """Equation 3.10 in closed form: q~ = N(0, I) less 0.2 m, m = N(0, 25 I), changes its sign at one radius."""
    bridge, estimate = gaussian((0.0, 0.0), 5.0), gaussian((0.0, 0.0), 1.0)
    found = corrected(estimate.log_prob, bridge, 0.8, GRID, floor=0.0)
    # exp(-r^2 / 2) = 0.2 / 25 exp(-r^2 / 50)
    radius = (2 * torch.tensor(125.0).log() / (1 - 1 / 25)).sqrt().item()
    inside = torch.tensor([[radius - 0.01, 0.0], [0.0, 0.01 - radius]], dtype=torch.float64)
    assert found(inside).isfinite().all()
    assert (found(inside * (radius + 0.01) / (radius - 0.01)) == -torch.inf).all()


def test_the_correction_as_printed_has_more_mass_where_the_estimate_is_below_the_bridge():
    """Equation 3.10 is not normalised again."""
    bridge = gaussian((0.0, 0.0), 5.0)
    estimate = gaussian((0.0, 0.0), 1.0)
    printed = difference(estimate.log_prob, bridge, 0.8)(GRID.points)
    again = corrected(estimate.log_prob, bridge, 0.8, GRID, floor=0.0)(GRID.points)
    above = (estimate.log_prob(GRID.points).exp() - 0.2 * bridge.log_prob(GRID.points).exp()).clamp(min=0) / 0.8
    torch.testing.assert_close(printed.exp(), above)
    mass = GRID.integral(above)
    assert mass > 1.05
    torch.testing.assert_close(again.exp() * mass, above)


def test_correction_is_a_density_where_the_estimate_is_below_the_bridge():
    bridge = gaussian((0.0, 0.0), 5.0)
    estimate = gaussian((0.0, 0.0), 1.0)  # has no tails, so the difference is negative there
    found = corrected(estimate.log_prob, bridge, 0.8, GRID)(GRID.points)
    assert found.isfinite().all()
    assert abs(GRID.log_normaliser(found)) < 1e-9


def test_targets_are_where_the_thesis_has_them():
    gaussians = four_gaussians()
    centres = {
        (5.0, -5.0): 0.4,
        (5.0, 5.0): 0.3,
        (-5.0, 5.0): 0.2,
        (-5.0, -5.0): 0.1,
    }
    for centre, weight in centres.items():
        found = gaussians.density.log_prob(torch.tensor([centre], dtype=torch.float64)).exp().item()
        assert found == pytest.approx(weight / (2 * torch.pi), rel=1e-6)
        part = int(gaussians.part_of(torch.tensor([centre]))[0])
        assert gaussians.weights[part] == weight
    # As much mass per length of each circle: the density on all of them is the same, but for the curvature.
    rings = three_rings().density
    on = torch.tensor([[1.0, 0.0], [0.0, 3.0], [-5.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(rings.log_prob(on), rings.log_prob(on)[[0, 0, 0]], atol=1e-9, rtol=0)


@pytest.mark.parametrize("target", [four_gaussians(), three_rings()], ids=lambda target: target.name)
def test_parts_of_a_target_have_its_weights(target: Target):
    assert weights_of(target, target.density.log_prob) == pytest.approx(list(target.weights), abs=0.005)


def test_noise_widens_the_four_gaussians():
    torch.manual_seed(1)
    narrow, wide = four_gaussians(), four_gaussians(noise=2.0)
    points = narrow.density.sample(torch.Size((20_000,)))
    noised = points + 2.0 * torch.randn_like(points)
    same = gaussian_mixture(wide.weights, ((-5.0, -5.0), (-5.0, 5.0), (5.0, 5.0), (5.0, -5.0)), 5**0.5)
    torch.testing.assert_close(wide.density.log_prob(points), same.log_prob(points))
    assert float(wide.density.log_prob(noised).mean()) == pytest.approx(
        float(wide.density.log_prob(wide.density.sample(torch.Size((20_000,)))).mean()), abs=0.05
    )


@pytest.mark.slow
def test_annealed_noise_loses_the_proportions_as_it_goes(tmp_path):
    """With much noise the fit is right, with little it is blind."""
    from nelloc.research.fisher.annealed_plane import run

    torch.manual_seed(1)
    numbers = run(Settings(length="quick", out=tmp_path)).numbers
    kl = {row["level"]: row["kl"] for row in numbers["annealed"]}
    assert max(kl[level] for level in (8.0, 4.0, 2.0)) < 0.05
    assert kl[0.25] > 10 * kl[2.0]
    assert numbers["least_alone_kl"] > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mixture_fisher_divergence_estimates_both_targets(seed, tmp_path):
    """Figure 3.3, at the size of a medium run; docs/RESULTS.md has the full ones."""
    from nelloc.research.fisher.energy_density import run

    torch.manual_seed(seed)
    numbers = run(Settings(seed=seed, length="medium", out=tmp_path)).numbers
    assert numbers["gaussians_mfd_kept"] < 0.06  # that by FD is now above and now below it
    assert numbers["rings_mfd_kept"] < numbers["rings_fd"]
    assert numbers["gaussians_mfd_share_at_zero"] < 0.02
