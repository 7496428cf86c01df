"""Small parts of the adaptive coder's contexts."""

import numpy as np
import pytest

from nelloc.codec.adaptive.contexts import MISSING, first_three, unzigzag, zigzag


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_differences_are_numbered_by_their_size(bits):
    modulus = 1 << bits
    differences = np.arange(-modulus + 1, modulus)
    numbers = zigzag(differences, bits)
    assert (numbers == zigzag(differences % modulus, bits)).all()
    assert sorted(set(numbers.tolist())) == list(range(modulus))
    assert (unzigzag(numbers) % modulus == differences % modulus).all()


def test_small_differences_have_small_numbers():
    assert zigzag(np.array([0, -1, 1, -2, 2]), 8).tolist() == [0, 1, 2, 3, 4]


def test_candidates_are_the_first_three_different_colours():
    pixels = np.array([(5, 5, 3, 5, 3, 8, 9), (1, 1, 1, 1, 1, 1, 1), (0, 2, 2, 0, 4, 4, 4)])
    colours = list(pixels.T)
    assert np.transpose(first_three(colours)).tolist() == [[5, 3, 8], [1, MISSING, MISSING], [0, 2, 4]]
