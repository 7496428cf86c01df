"""Spread divergence: thesis chapter 2 and appendix A."""

from nelloc.research.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "spread-deltas",
        "Spread KL of two deltas; valid and invalid noise; the mixture divergence (Figure 2.2, A.4)",
        "nelloc.research.spread.deltas",
        thesis={"largest_difference_from_squared_distance": 0.0, "spread_kl_gaussian_at_1": 1.0},
    ),
    Experiment(
        "spread-annealing",
        "Noise in the model alone is inconsistent, annealed or not (eq. 2.9, Figure A.1)",
        "nelloc.research.spread.annealing",
    ),
    Experiment(
        "spread-direction",
        "Learned direction of the noise for two linear subspaces (Figure 2.3)",
        "nelloc.research.spread.direction",
    ),
    Experiment(
        "spread-ppca",
        "Deterministic PPCA by spread EM recovers PCA (section 2.5.1)",
        "nelloc.research.spread.ppca",
    ),
    Experiment(
        "spread-line",
        "Gauss-VAE on two Gaussians along a line, by the ELBO and the spread ELBO (Figures 2.4, 2.5)",
        "nelloc.research.spread.line",
        trains=True,
    ),
    Experiment(
        "spread-mnist",
        "Delta-VAE on MNIST with fixed Laplace, fixed Gaussian and learned noise (Figure 2.6, A.6)",
        "nelloc.research.spread.mnist",
        data=("mnist",),
        trains=True,
    ),
    Experiment(
        "spread-celeba",
        "Delta-VAE on CelebA 64 x 64 with fixed noise and a learned transformation (Figure 2.7, Table 2.1, A.7)",
        "nelloc.research.spread.celeba",
        data=("celeba",),
        trains=True,
        has_width=True,
    ),
)
