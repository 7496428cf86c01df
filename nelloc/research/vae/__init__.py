"""Generalisation of variational autoencoders and bits-back coding: thesis chapter 4 and appendix C."""

from nelloc.research.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
