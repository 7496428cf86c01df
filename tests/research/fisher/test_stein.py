"""The kernel Stein discrepancy against its other form, and its blindness."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")

from nelloc.research.fisher.densities import Bridged, gaussian, two_gaussians  # noqa: E402
from nelloc.research.fisher.divergences import Grid, score  # noqa: E402
from nelloc.research.fisher.stein import (  # noqa: E402
    estimated_stein_discrepancy,
    kernel_stein_discrepancy,
    stein_kernel,
)

GRID = Grid(15, 601)


def test_the_kernel_is_the_stein_operator_on_both_arguments_of_the_base_kernel():
    torch.manual_seed(0)
    x, y = torch.randn(2, 2, dtype=torch.float64)
    s, t = torch.randn(2, 2, dtype=torch.float64)

    def base(x, y):
        return (1 + (x - y).square().sum() / 1.5**2) ** -0.5

    slope_x = torch.func.grad(base, 0)
    slope_y = torch.func.grad(base, 1)
    mixed = torch.func.jacrev(slope_x, 1)(x, y).trace()
    expected = s @ t * base(x, y) + s @ slope_y(x, y) + t @ slope_x(x, y) + mixed
    found = stein_kernel(torch.stack([x, y]), torch.stack([s, t]), 1.5)
    torch.testing.assert_close(found[0, 1], expected)
    torch.testing.assert_close(found, found.T)


@pytest.mark.parametrize(("mean", "scale"), [(0.5, 1.0), (0.0, 1.5), (2.0, 0.8)])
def test_the_discrepancy_is_the_score_difference_in_the_kernels_norm(mean, scale):
    """E_{x, y ~ p} (s_p - s_q)(x) k(x, y) (s_p - s_q)(y): an integral that shares nothing with the code but k."""
    p, q = gaussian((mean,), scale), gaussian((0.0,), 1.0)
    points, mass = GRID.points, p.log_prob(GRID.points).exp()
    weighted = mass * (score(p.log_prob)(points) - score(q.log_prob)(points)).squeeze(-1)
    kernel = (1 + (points - points.T).square()).rsqrt()
    step = 2 * GRID.limit / (GRID.size - 1)
    expected = float(weighted @ kernel @ weighted) * step**2
    assert kernel_stein_discrepancy(p, q, GRID) == pytest.approx(expected, rel=1e-5)
    torch.manual_seed(0)
    assert estimated_stein_discrepancy(p.sample(torch.Size((3000,))), q) == pytest.approx(expected, rel=0.15)


def test_it_does_not_see_proportions_until_bridged():
    p, q, bridge = two_gaussians(0.2), two_gaussians(0.8), gaussian((0.0,), 5.0)
    blind = kernel_stein_discrepancy(p, q, GRID)
    assert abs(blind) < 1e-9
    assert kernel_stein_discrepancy(Bridged(p, bridge, 0.8), Bridged(q, bridge, 0.8), GRID) > 1e-3
    assert kernel_stein_discrepancy(p, two_gaussians(0.2, 4.5), GRID) > 1e-2
