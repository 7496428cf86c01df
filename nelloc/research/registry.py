"""All experiments. Each area lists its own; none is imported before it runs."""

from __future__ import annotations

from nelloc.research import fisher, spread, vae
from nelloc.research.experiment import Experiment

# Areas' titles and experiments.
AREAS: tuple[tuple[str, tuple[Experiment, ...]], ...] = (
    ("Chapter 2: spread divergence", spread.EXPERIMENTS),
    ("Chapter 3: mixture Fisher divergence", fisher.EXPERIMENTS),
    ("Chapter 4: generalisation of VAEs, bits-back coding", vae.EXPERIMENTS),
)
EXPERIMENTS: tuple[Experiment, ...] = tuple(experiment for _, experiments in AREAS for experiment in experiments)
