"""The model of digits against closed forms in floats, and against what it should learn."""

import numpy as np

from nelloc.codec.adaptive.digits import DigitModel
from nelloc.codec.adaptive.logistic import LIMIT, PROBABILITY_BITS, STEPS, STRETCH_BITS, squash_table, stretch_table
from nelloc.exact.mixture import FREE_FREQUENCY, RADIX


def test_stretch_is_the_logarithm_of_the_odds():
    p = (np.arange(1 << STRETCH_BITS) + 0.5) / (1 << STRETCH_BITS)
    assert np.abs(stretch_table() - STEPS * np.log2(p / (1 - p))).max() <= 1


def test_squash_is_the_logistic_function():
    x = np.arange(-LIMIT, LIMIT + 1) / STEPS
    expected = (1 << PROBABILITY_BITS) / (1 + 2.0**-x)
    error = np.abs(squash_table() - expected)
    assert (error <= 1 + 1e-4 * np.minimum(expected, (1 << PROBABILITY_BITS) - expected)).all()
    assert (np.diff(squash_table()) >= 0).all()


def bits_of(source, contexts, size=8):
    """The code's length of digits (steps, N), all of whose contexts are ``contexts`` (tables, N)."""
    model, bits = DigitModel(len(contexts), size, 1), 0.0
    for digits in source:
        frequencies = model.predict(contexts, np.zeros(len(digits), np.int64))
        assert (frequencies >= 0).all()
        assert (frequencies.sum(axis=1) == FREE_FREQUENCY).all()
        bits -= np.log2((frequencies[np.arange(len(digits)), digits] + 1) / 2**24).sum()
        model.learn(digits)
    return bits


def test_it_comes_close_to_the_entropy_of_a_source_without_memory():
    probabilities = np.array([0.7, 0.05, 0.2, 0.05])
    source = np.random.default_rng(0).choice(RADIX, (500, 20), p=probabilities)
    entropy = -(probabilities * np.log2(probabilities)).sum() * source.size
    assert bits_of(source, [np.zeros(20, np.int64)] * 3) < 1.03 * entropy


def test_it_finds_the_table_that_knows():
    # The first table's context tells the digit; the second says nothing.
    source = np.broadcast_to(np.arange(20) % RADIX, (200, 20))
    contexts = [np.arange(20) % RADIX, np.zeros(20, np.int64)]
    assert bits_of(source, contexts) < 0.05 * source.size


def test_what_is_certain_costs_next_to_nothing():
    assert bits_of(np.zeros((3000, 50), np.int64), [np.zeros(50, np.int64)] * 7) < 100  # of 150,000 digits
