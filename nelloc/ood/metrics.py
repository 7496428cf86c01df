"""Metrics of a score that separates in-distribution images from others. Higher scores mean in distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nelloc.errors import NellocError

TRUE_POSITIVE_RATE = 0.95


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Area under the ROC curve: probability that an image ``inside`` has a higher score than one ``outside``.

    Parameters
    ----------
    inside, outside : ndarray
        Scores (N,) and (M,). Ties count half (the Mann-Whitney statistic).

    Raises
    ------
    NellocError
        If there are no scores, or some are not finite.
    """
    a, b = np.sort(_scores(inside)), _scores(outside)
    lower = np.searchsorted(a, b, side="left").sum()
    ties = np.searchsorted(a, b, side="right").sum() - lower
    return float(1 - (lower + ties / 2) / (len(a) * len(b)))


def false_positive_rate(inside: ArrayLike, outside: ArrayLike, true_positive_rate: float = TRUE_POSITIVE_RATE) -> float:
    """Share of the images ``outside`` accepted at the threshold that accepts a given share of those ``inside``.

    Parameters
    ----------
    inside, outside : array_like
        Scores (N,) and (M,).
    true_positive_rate : float
        Share of the images ``inside`` that must be accepted.
    """
    threshold = calibrate(inside, 1 - true_positive_rate)
    return float(np.mean(_scores(outside) >= threshold))


def calibrate(inside: ArrayLike, rejected: float) -> float:
    """Find the highest threshold below which at most the share ``rejected`` of in-distribution scores lies.

    Parameters
    ----------
    inside : array_like
        Scores (N,) of in-distribution images.
    rejected : float
        Share from 0 to less than 1.

    Returns
    -------
    float
        Threshold; scores of at least this are accepted.

    Raises
    ------
    NellocError
        If there are no scores, some are not finite, or ``rejected`` is out of range.
    """
    scores = np.sort(_scores(inside))
    if not 0 <= rejected < 1:
        raise NellocError(f"a share of {rejected:g} to be rejected: choose one from 0 to less than 1")
    # A share that counts whole images must not lose one to rounding.
    return float(scores[math.floor(rejected * len(scores) + 1e-9)])


def _scores(values: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(values, np.float64).reshape(-1)
    if not len(scores) or not np.isfinite(scores).all():
        raise NellocError("scores to compare: there are none, or some are not finite")
    return scores
