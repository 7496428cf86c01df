"""Samples: one model and seed give one image, whichever decoder draws it, as likely as the model says."""

import hashlib
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import small_model_bytes

from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.exact import backends, model_store
from nelloc.exact.decoders import DECODERS
from nelloc.exact.mixture import FREE_FREQUENCY, FREQUENCY_BITS, RADIX
from nelloc.exact.model import load_model
from nelloc.exact.sample import random_numbers, sample
from nelloc.exact.tile_coder import DrawnDigits
from nelloc.image import from_array


def drawn_digits(seed, image):
    return DrawnDigits(random_numbers(seed, image))


def test_digits_are_drawn_as_often_as_their_frequencies_say():
    frequencies = np.array([100_000, 0, FREE_FREQUENCY - 5_100_000, 5_000_000], np.float64)
    n = 200_000
    digits = drawn_digits(1, 0).decode(np.tile(frequencies, (n, 1)))
    share = (frequencies + 1) / 2**FREQUENCY_BITS
    assert share.sum() == 1
    counts = np.bincount(digits, minlength=RADIX)
    assert np.all(np.abs(counts - n * share) <= 5 * np.sqrt(n * share * (1 - share)) + 1)


def test_the_random_numbers_never_change():
    """Pinned, so that samples stay what they are: PCG64 seeded by NumPy's SeedSequence, its upper 24 bits."""
    even = np.full((12, RADIX), FREE_FREQUENCY // RADIX, np.float64)
    assert drawn_digits(0, 0).decode(even).tolist() == PINNED
    assert drawn_digits(0, 1).decode(even).tolist() != PINNED != drawn_digits(1, 0).decode(even).tolist()


PINNED = [2, 1, 0, 0, 3, 3, 2, 2, 2, 3, 3, 0]


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**40), st.sampled_from([1, 3]))
def test_every_decoder_draws_the_same_images(height, width, count, seed, channels):
    model = load_model(small_model_bytes(channels=channels), "small model")
    images = sample(model, height, width, count, seed)
    assert (images.shape, images.dtype) == ((count, height, width, channels), np.uint8)
    for decoder in DECODERS:
        assert np.array_equal(sample(model, height, width, count, seed, decoder=decoder), images)
    # An image depends on its number, not on how many are drawn.
    assert np.array_equal(sample(model, height, width, 1, seed), images[:1])


@pytest.mark.parametrize("backend", backends.BACKENDS)
def test_every_backend_draws_the_same_images(small_model, backend):
    reason = backends.BACKENDS[backend].available()
    if reason is not None:
        pytest.skip(reason)
    drawn = sample(small_model, 20, 24, 3, seed=4, backend=backend)
    assert np.array_equal(drawn, sample(small_model, 20, 24, 3, seed=4))
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == "f27a65fb91eb273f"


class Recorded(DrawnDigits):
    """Counts the bits that the drawn digits take, what they were expected to take, and the variance of that."""

    seen: ClassVar[list["Recorded"]] = []

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.bits = self.entropy = self.variance = 0.0
        self.seen.append(self)

    def decode(self, frequencies):
        digits = super().decode(frequencies)
        share = (frequencies + 1) / 2**FREQUENCY_BITS
        cost = -np.log2(share)
        mean = (share * cost).sum(1)
        self.bits += cost[np.arange(len(digits)), digits].sum()
        self.entropy += mean.sum()
        self.variance += (share * cost**2).sum() - (mean**2).sum()
        return digits


@pytest.mark.parametrize("name", ["fast-gray", "fast"])
def test_what_is_drawn_takes_the_bits_that_the_model_expects(monkeypatch, name):
    """The encoder asks for just the bits of the digits that were drawn, and those are the entropy but for chance."""
    monkeypatch.setattr("nelloc.exact.tile_coder.DrawnDigits", Recorded)
    monkeypatch.setattr(Recorded, "seen", [])
    drawn = sample(model_store.find(name), 32, 40, 8, seed=1, backend="numpy")
    images = [from_array(np.squeeze(image)) for image in drawn]
    encoded = encode_pixels(images, EncodeOptions(model=name, learn=False), verify=False, measure=True)
    for item, digits in zip(encoded, Recorded.seen, strict=True):
        assert item.model_bits == pytest.approx(digits.bits, rel=1e-9)
        assert abs(digits.bits - digits.entropy) < 5 * np.sqrt(digits.variance)
