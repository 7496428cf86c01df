"""The entropy coder's output is part of the file format: exact words, and the documented decoder."""

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelloc.errors import NellocError
from nelloc.exact import coder
from nelloc.exact.coder import DigitDecoder, DigitWriter, encode_digits
from nelloc.exact.mixture import FREE_FREQUENCY, RADIX


def frequencies(random: np.random.Generator, n: int) -> np.ndarray:
    """Random frequencies (n, RADIX), many of them extreme."""
    cuts = np.sort((FREE_FREQUENCY * random.random((n, RADIX - 1)) ** random.integers(1, 9, (n, 1))).astype(np.int64))
    edges = np.concatenate([np.zeros((n, 1), np.int64), cuts, np.full((n, 1), FREE_FREQUENCY)], axis=1)
    return np.diff(edges).astype(np.float64)


def test_golden_words_never_change():
    rows = np.array(
        [
            [0, 0, 0, FREE_FREQUENCY],
            [FREE_FREQUENCY, 0, 0, 0],
            [4194303, 4194303, 4194303, 4194303],
            [1, 2, 3, FREE_FREQUENCY - 6],
            [8388606, 8388604, 1, 1],
        ],
        np.float64,
    )
    digits = np.array([0, 1, 2, 3, 2], np.int32)
    assert encode_digits(digits, rows, seed=0x12345678).hex() == "0388ab3bfdffffae0000006824"
    assert encode_digits(digits[::-1].copy(), rows[::-1].copy(), seed=0).hex() == "fdffff1000e001"


@pytest.mark.parametrize("wrong", ["encodes", "decodes"])
def test_a_constriction_of_other_words_codes_nothing(monkeypatch, wrong):
    class Other:
        def __init__(self, words):
            self.real = constriction.stream.stack.AnsCoder(words)
            self.encode_reverse = self.real.encode_reverse

        def get_compressed(self):
            return self.real.get_compressed() ^ np.uint32(wrong == "encodes")

        def decode(self, model, frequencies):
            return self.real.decode(model, frequencies) ^ (wrong == "decodes")

    monkeypatch.setattr(coder, "_AnsCoder", Other)
    coder.check_golden_words.cache_clear()
    uses = (
        lambda: encode_digits(np.zeros(0, np.int32), np.zeros((0, RADIX)), 0),
        lambda: DigitWriter().bytes(0),
        lambda: DigitDecoder(b""),
    )
    for use in uses:
        with pytest.raises(NellocError, match=r"^constriction 0\.5\..*bytes differ.*install version 0\.5\.0"):
            use()


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_what_is_encoded_is_decoded_and_the_stack_ends_with_the_seed(n, seed, state):
    random = np.random.default_rng(state)
    rows = frequencies(random, n)
    digits = random.integers(0, RADIX, n).astype(np.int32)
    data = encode_digits(digits, rows, seed)
    assert not data.endswith(b"\0")
    decoder = DigitDecoder(data)
    half = n // 2
    for part in (slice(0, half), slice(half, n)):
        if len(digits[part]):
            assert np.array_equal(decoder.decode(rows[part]), digits[part])
    assert decoder.ends_with(seed)
    assert not decoder.ends_with(seed ^ 1)


@pytest.mark.parametrize("seed", [0, 1, 2**24 - 1, 2**32 - 1])
def test_constriction_scales_by_exactly_one(seed):
    """The words are those of the ANS coder of docs/FORMAT.md in plain integers, so no float decides anything."""
    random = np.random.default_rng(seed)
    rows = frequencies(random, 300)
    digits = random.integers(0, RADIX, 300).astype(np.int32)
    words = list(np.frombuffer(pad(encode_digits(digits, rows, seed)), "<u4").astype(object))
    state = words.pop() if words else 0
    if words:
        state = state << 32 | words.pop()
    for row, digit in zip(rows, digits, strict=True):
        width = [int(f) + 1 for f in row]
        rest = state % 2**24
        decoded = max(k for k in range(RADIX) if sum(width[:k]) <= rest)
        assert decoded == digit
        state = (state >> 24) * width[decoded] + rest - sum(width[:decoded])
        if state < 2**32 and words:
            state = state << 32 | words.pop()
    assert state == seed
    assert not words


def pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def test_the_cost_is_the_information_plus_the_seed():
    random = np.random.default_rng(5)
    rows = frequencies(random, 5000)
    chance = (rows + 1) / 2**24
    digits = (random.random((5000, 1)) > np.cumsum(chance, axis=1)).sum(axis=1).clip(0, 3).astype(np.int32)
    bits = -np.log2(chance[np.arange(5000), digits]).sum()
    assert 8 * len(encode_digits(digits, rows, 2**32 - 1)) - bits < 32 + 16
