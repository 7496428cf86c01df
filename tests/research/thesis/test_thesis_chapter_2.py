"""Equations of chapters 1 and 2 that no experiment computes, and slips there, each as numbers (docs/THESIS.md)."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

from nelloc.research.fisher.densities import gaussian  # noqa: E402
from nelloc.research.fisher.divergences import Grid, kl_divergence  # noqa: E402
from nelloc.research.spread.annealing import scaled_objective  # noqa: E402

PLAIN = Grid(30, 6001)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(1)


def distributions(count: int, values: int = 5) -> torch.Tensor:
    """Probabilities (count, values), float64."""
    return torch.rand(count, values, dtype=torch.float64).softmax(-1)


def kl(p: torch.Tensor, q: torch.Tensor) -> float:
    return float((p * (p / q).log()).sum())


def test_kl_is_never_negative_and_zero_for_equal_distributions_only():
    """Equations 1.1 to 1.5."""
    p, q = distributions(2)
    assert kl(p, q) > 0
    assert kl(p, p) == 0
    assert kl(p, q) == pytest.approx(float((p * p.log()).sum() - (p * q.log()).sum()))


def test_slip_minus_log_gives_the_other_kl():
    """Equation 1.2 with f = -log, as before 1.4, is KL(q || p); KL(p || q) takes f(t) = t log t."""
    p, q = distributions(2)
    ratio = p / q
    assert float((-ratio.log() * q).sum()) == pytest.approx(kl(q, p))
    assert float((ratio * ratio.log() * q).sum()) == pytest.approx(kl(p, q))
    assert abs(kl(p, q) - kl(q, p)) > 1e-4


def test_the_mean_log_likelihood_goes_to_the_negative_cross_entropy():
    """Equations 1.6, 1.7, 5.1, 5.2, C.1 to C.5: for N(0, 1) under the model N(1, 4), in nats."""
    p, q = gaussian((0.0,), 1.0), gaussian((1.0,), 2.0)
    mean = float(q.log_prob(p.sample(torch.Size((200_000,)))).mean())
    expected = -0.5 * math.log(2 * math.pi * 4) - (1 + 1) / 8
    assert mean == pytest.approx(expected, abs=0.01)
    entropy = 0.5 * math.log(2 * math.pi * math.e)
    assert -mean - entropy == pytest.approx(kl_divergence(p, q.log_prob, PLAIN), abs=0.01)


def test_the_expected_log_likelihood_is_the_one_of_woodburys_identity():
    """Equations 2.5 to 2.8 and A.1, A.2: of a line with noise in the model, five dimensions."""
    theta_p, theta_q = torch.randn(2, 5, dtype=torch.float64)
    variance = 0.3
    covariance = torch.outer(theta_q, theta_q) + variance * torch.eye(5, dtype=torch.float64)
    direct = -theta_p @ torch.linalg.solve(covariance, theta_p) - torch.logdet(covariance)
    p2, q2 = theta_p @ theta_p, theta_q @ theta_q
    closed = (
        -p2 / variance
        + (theta_p @ theta_q) ** 2 / (variance * (variance + q2))
        - (1 + q2 / variance).log()
        - 5 * math.log(variance)
    )
    assert float(direct) == pytest.approx(float(closed))


def test_the_scaled_objective_is_that_of_the_likelihood():
    """Equation A.4 is A.1 times the variance, without what does not depend on the model."""
    theta_p, variance = torch.tensor([0.6, 0.8], dtype=torch.float64), 0.2
    found = []
    for square in (0.3, 1.1):
        theta_q = square**0.5 * theta_p
        covariance = torch.outer(theta_q, theta_q) + variance * torch.eye(2, dtype=torch.float64)
        direct = -theta_p @ torch.linalg.solve(covariance, theta_p) - torch.logdet(covariance)
        found.append(float(variance * direct - scaled_objective(torch.tensor(square), variance)))
    assert found[0] == pytest.approx(found[1])


def test_noise_in_the_model_shortens_the_line_and_annealing_flattens_the_objective():
    """Equations 2.9, A.3 and A.4 with |theta_p| = 1: the optimum is 1 - variance, and the curvature goes to zero."""
    square = torch.linspace(0.01, 1.5, 14_901, dtype=torch.float64)
    curvatures = []
    for variance in (0.5, 0.1, 0.01, 0.001):
        objective = scaled_objective(square, variance)
        best = int(objective.argmax())
        assert float(square[best]) == pytest.approx(1 - variance, abs=1e-3)
        step = 1000
        if best + step < len(square):
            curvatures.append(float(objective[best] - objective[best + step]))
    assert curvatures == sorted(curvatures, reverse=True)
    assert curvatures[-1] < 0.05 * curvatures[0]


def test_slip_the_fourier_transform_of_laplace_noise_is_one_at_zero():
    """Equation 2.17 is the transform of exp(-|x| / b), not of the density, and in another convention than 2.16."""
    b, points = 0.7, Grid(40, 80_001)
    x = points.points.squeeze(-1)
    density = (-x.abs() / b).exp() / (2 * b)
    for frequency in (0.0, 1.0, 3.0):
        found = points.integral(density * (frequency * x).cos())
        assert found == pytest.approx(1 / (1 + (b * frequency) ** 2), abs=1e-6)
        printed = math.sqrt(2 / math.pi) * (1 / b) / (b**-2 + frequency**2)
        assert printed == pytest.approx(found * 2 * b / math.sqrt(2 * math.pi), abs=1e-6)


def linear_bounds(square: torch.Tensor, data: float, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The spread ELBO of x ~ N(0, data), g(z) = w z, w^2 = ``square``, with the best encoder; and its form in 2.34.

    An encoder N(a y, v) of y = x + e: E (y - w z)^2 = (1 - w a)^2 (data + noise) + w^2 v, and
    E (x - w z)^2 = (1 - w a)^2 data + w^2 a^2 noise + w^2 v. The best v is the same; a is found on a grid.
    """
    w = square.sqrt()[:, None]
    a = torch.linspace(0, 3, 6001, dtype=torch.float64)[None]
    v = noise / (noise + w**2)
    divergence = 0.5 * (a**2 * (data + noise) + v - 1 - v.log())
    whole = ((1 - w * a) ** 2 * (data + noise) + w**2 * v) / (2 * noise) + divergence
    printed = ((1 - w * a) ** 2 * data + w**2 * a**2 * noise + w**2 * v) / (2 * noise) + divergence
    return -whole.min(1).values, -printed.min(1).values


def test_slip_the_simplified_spread_elbo_is_not_consistent():
    """Equations 2.34 and 2.35 drop the noise times g(z), which depends on the noise through the encoder.

    For a linear generator the spread ELBO is largest at the data's variance 1. What is left of it in 2.34 is largest at
    (s^4 - s^2 n - n^2) / (s^2 + n), with s^2 = 1 and noise n = 0.25 at 0.55: further off than noise in the model only.
    """
    square = torch.linspace(0.2, 1.4, 241, dtype=torch.float64)
    whole, printed = linear_bounds(square, 1.0, 0.25)
    assert float(square[whole.argmax()]) == pytest.approx(1.0, abs=0.01)
    assert float(square[printed.argmax()]) == pytest.approx((1 - 0.25 - 0.0625) / 1.25, abs=0.01)
    assert float(square[printed.argmax()]) < 1 - 0.25


def test_the_best_rank_one_noise_is_orthogonal_to_the_whitened_difference():
    """Equations 2.40 and 2.41 with A = B: KL is largest for u orthogonal to (A A^T + sigma^2 I)^-1 (b - a)."""
    along, apart = torch.tensor([1.5, 0.3], dtype=torch.float64), torch.tensor([0.4, 1.2], dtype=torch.float64)
    fixed = torch.outer(along, along) + 0.09 * torch.eye(2, dtype=torch.float64)
    angles = torch.linspace(0, math.pi, 20_001, dtype=torch.float64)
    u = torch.stack([angles.cos(), angles.sin()], -1)
    covariance = fixed + u[:, :, None] * u[:, None, :]
    divergence = 0.5 * (apart * torch.linalg.solve(covariance, apart.expand(len(u), 2))).sum(-1)
    best = u[divergence.argmax()]
    normal = torch.linalg.solve(fixed, apart)
    assert abs(float(best @ normal / normal.norm())) < 1e-3


def test_discrete_noise_is_valid_where_its_matrix_has_an_inverse():
    """Equations A.5 to A.7."""
    noise = distributions(4, 4).T  # columns are p(y | x = j)
    assert torch.linalg.matrix_rank(noise) == 4
    p, q = distributions(2, 4)
    assert float((noise @ p - noise @ q).abs().max()) > 1e-4
    flat = noise.clone()
    flat[:, 3] = flat[:, 2]  # two values that the noise makes one
    other = p + 0.05 * torch.tensor([0, 0, 1, -1], dtype=torch.float64)
    torch.testing.assert_close(flat @ p, flat @ other)
    assert (noise @ p > 0).all()


def test_noise_makes_distributions_more_similar():
    """Equations A.8 to A.14: the joint divergence is that of p and q, and bounds that of the marginals."""
    noise = distributions(6, 5).T
    for _ in range(20):
        p, q = distributions(2, 6)
        joint = kl((noise * p).reshape(-1), (noise * q).reshape(-1))
        assert joint == pytest.approx(kl(p, q))
        assert kl(noise @ p, noise @ q) <= joint + 1e-12


def test_mixture_and_affine_divergences_are_zero_for_equal_distributions_only():
    """Equations A.15 to A.19, for discrete variables."""
    noise, other = distributions(5, 5).T, distributions(1, 5)[0]
    p, q = distributions(2, 5)
    mixed = [0.5 * value + 0.5 * other for value in (p, q)]
    affine = [0.5 * noise @ value + 0.5 * other for value in (p, q)]
    for first, second in (mixed, affine):
        assert kl(first, second) > 1e-5
        assert kl(first, first) == 0


def test_one_point_has_no_maximum_likelihood_but_a_spread_one():
    """Appendix A.5.1: with noise of variance 0.25 the spread likelihood is bounded, and its variance goes to zero."""
    variances = torch.logspace(-8, 1, 200, dtype=torch.float64)
    plain = -0.5 * variances.log()  # of the point itself, at its own mean
    assert float(plain[0]) > float(plain[1]) > float(plain[-1])
    y = 3.0 + 0.5 * torch.randn(400_000, dtype=torch.float64)
    found = float(y.var(correction=0)) - 0.25
    assert abs(found) < 0.005
    spread = -0.5 * (variances + 0.25).log() - float(y.var(correction=0)) / (2 * (variances + 0.25))
    assert torch.isfinite(spread).all()
    assert float(variances[spread.argmax()]) < 0.01


def test_the_estimate_of_spread_likelihood_has_the_cramer_rao_variance():
    """Equation A.20, for the mean of N(mu, 1) after noise of variance 0.5: N times the estimate's variance is 1.5."""
    count, runs = 200, 20_000
    estimates = (torch.randn(runs, count) + math.sqrt(0.5) * torch.randn(runs, count)).mean(1)
    assert float(estimates.var()) * count == pytest.approx(1.5, rel=0.05)


def test_slip_a_picture_of_ten_by_ten_becomes_eighty_wide():
    """Appendix A.7: three deconvolutions of stride 2 and one of stride 1, all 5 x 5 with padding that keeps sizes."""
    layers = [torch.nn.ConvTranspose2d(1, 1, 5, stride, 2, stride - 1) for stride in (2, 2, 2, 1)]
    for start, expected in ((10, 80), (8, 64)):
        picture = torch.zeros(1, 1, start, start)
        for layer in layers:
            picture = layer(picture)
        assert picture.shape[-1] == expected


def test_slip_the_noise_of_the_simplified_spread_elbo_lacks_its_scale():
    """Equations 2.34 and 2.35: with y = x + e, e ~ N(0, I), the noise is not that of 2.27; its share is a constant.

    For y = x + sigma e it is -D / 2 for D dimensions; printed is -1 / (2 sigma^2).
    """
    dimensions, sigma = 3, 0.5
    noise = torch.randn(400_000, dimensions, dtype=torch.float64)
    share = float(-((sigma * noise) ** 2).sum(-1).mean() / (2 * sigma**2))
    assert share == pytest.approx(-dimensions / 2, abs=0.01)
    assert -1 / (2 * sigma**2) == -2.0
