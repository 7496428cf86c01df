"""Hashes against plain integers, and which colour a memory keeps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nelloc.codec.adaptive.memory import ColourMemory, mixed

NUMBERS = st.integers(-(2**62), 2**62)


@given(st.lists(NUMBERS, min_size=1, max_size=11), st.integers(1, 20))
def test_the_hash_is_that_of_the_specification(numbers, bits):
    golden, mask = 0x9E3779B97F4A7C15, (1 << 64) - 1
    total = sum((x + 1) * pow(golden, k + 1, 1 << 64) for k, x in enumerate(numbers)) & mask
    total = (total ^ total >> 29) * pow(golden, 16, 1 << 64) & mask
    assert mixed([np.array([x]) for x in numbers], bits)[0] == total >> 64 - bits


def test_a_memory_recalls_the_last_of_several_and_trusts_what_was_often_right():
    memory, place = ColourMemory(8), [np.array([5, 5])]
    memory.learn(memory.recall(place), np.array([1, 2]))
    known = memory.recall(place)
    assert (known.first[0], known.confidence[0]) == (2, 1)
    for _ in range(4):
        memory.learn(memory.recall([np.array([5])]), np.array([2]))
    memory.learn(memory.recall([np.array([5])]), np.array([9]))
    known = memory.recall([np.array([5])])
    assert (known.first[0], known.second[0], known.confidence[0]) == (2, 9, 2)
