"""Fisher divergence, its blindness, and the mixture Fisher divergence: thesis chapter 3 and appendix B."""

from nelloc.research.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
