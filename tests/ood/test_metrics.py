"""AUROC, the false positive rate and calibration, against brute force over all pairs and thresholds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nelloc import NellocError
from nelloc.ood.metrics import auroc, calibrate, false_positive_rate

# Few different values, so that there are ties.
SCORES = st.lists(st.integers(-5, 5).map(lambda n: n / 4), min_size=1, max_size=40)


@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_order(inside, outside):
    won = sum((a > b) + (a == b) / 2 for a in inside for b in outside)
    assert auroc(inside, outside) == pytest.approx(won / (len(inside) * len(outside)))
    assert auroc(outside, inside) == pytest.approx(1 - auroc(inside, outside))


@given(SCORES, st.integers(0, 99))
def test_a_threshold_is_the_highest_that_rejects_no_more(inside, percent):
    threshold = calibrate(inside, percent / 100)
    allowed = len(inside) * percent / 100 + 1e-9
    assert sum(score < threshold for score in inside) <= allowed
    higher = [score for score in inside if score > threshold]
    if higher:
        assert sum(score < min(higher) for score in inside) > allowed


@given(SCORES, SCORES)
def test_the_false_positive_rate_is_that_of_the_best_allowed_threshold(inside, outside):
    accepted = [
        np.mean(np.array(outside) >= threshold)
        for threshold in inside
        if np.mean(np.array(inside) >= threshold) >= 0.95 - 1e-9
    ]
    assert false_positive_rate(inside, outside) == pytest.approx(min(accepted))


def test_known_cases():
    assert auroc([2, 3], [0, 1]) == 1
    assert auroc([0, 1], [2, 3]) == 0
    assert auroc([1], [1]) == 0.5
    assert calibrate(range(100), 0.05) == 5
    assert false_positive_rate(range(100), [4.9, 5, 200]) == pytest.approx(2 / 3)
    random = np.random.default_rng(0)
    # Two normal distributions d apart: the area is Phi(d / sqrt 2), 0.7602 for d = 1.
    assert auroc(random.normal(1, 1, 40_000), random.normal(0, 1, 40_000)) == pytest.approx(0.7602, abs=0.006)


@pytest.mark.parametrize("bad", [[], [1.0, float("nan")], [float("inf")]])
def test_scores_that_say_nothing_are_refused(bad):
    for call in (lambda: auroc(bad, [1]), lambda: auroc([1], bad), lambda: calibrate(bad, 0.1)):
        with pytest.raises(NellocError, match="scores"):
            call()
    for share in (-0.1, 1, 2):
        with pytest.raises(NellocError, match="choose one from 0"):
            calibrate([1.0], share)
