"""Spread divergence: thesis chapter 2 and appendix A."""

from nelloc.research.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
