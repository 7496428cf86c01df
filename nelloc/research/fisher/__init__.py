"""Fisher divergence, its blindness, and the mixture Fisher divergence: thesis chapter 3 and appendix B."""

from nelloc.research.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "fisher-blindness",
        "The Fisher divergence does not see a mixture's proportions (Figure 3.1)",
        "nelloc.research.fisher.blindness",
    ),
    Experiment(
        "disconnected-supports",
        "The Fisher divergence is zero for different densities on disconnected supports (equation 3.3)",
        "nelloc.research.fisher.disconnected",
        thesis={"fisher": 0},
    ),
    Experiment(
        "mixture-fisher",
        "The mixture Fisher divergence has its minimum at the true proportion (Figure 3.2)",
        "nelloc.research.fisher.mixture",
        thesis={"minimum": "the true one"},
    ),
    Experiment(
        "stein-blindness",
        "The kernel Stein discrepancy does not see a mixture's proportions either (appendix B.1.4)",
        "nelloc.research.fisher.stein_blindness",
    ),
    Experiment(
        "energy-density",
        "Energy-based densities by the Fisher and the mixture Fisher divergence (Figure 3.3, equations 3.8-3.10)",
        "nelloc.research.fisher.energy_density",
        thesis={"gaussians_fd": 3.52, "rings_fd": 0.22, "gaussians_mfd": 0.17, "rings_mfd": 0.01},
        trains=True,
    ),
    Experiment(
        "annealed-denoising",
        "Denoising while the noise is annealed, FD and MFD, two Gaussians on the line (Figures 3.4, 3.5)",
        "nelloc.research.fisher.annealed_denoising",
        trains=True,
    ),
    Experiment(
        "annealed-plane",
        "Denoising with annealed noise, one energy for all levels, four Gaussians in the plane (ours)",
        "nelloc.research.fisher.annealed_plane",
        trains=True,
    ),
    Experiment(
        "spread-fisher",
        "The spread Fisher divergence tells disjoint supports apart (eq. 3.12-3.15)",
        "nelloc.research.fisher.spread_fisher",
        thesis={"fisher_of_bumps": 0},
    ),
)
