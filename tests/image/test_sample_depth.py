"""Deep samples are coded with as few bits as they need, and come back exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nelloc.image.sample_depth import DEPTHS, Depth, DepthRule, find
from nelloc.varint import MalformedError

EVERY = [Depth(bits, form) for bits in DEPTHS[:-1] for form in DepthRule]


@pytest.mark.parametrize("depth", EVERY, ids=lambda depth: f"{depth.bits}-{depth.form.name}")
def test_every_sample_of_a_depth_is_found_and_restored(depth):
    coded = np.arange(1 << depth.bits).astype(np.uint8 if depth.bits == 8 else np.uint16)
    samples = depth.restore(coded.reshape(1, 16, -1))
    found = find(samples)
    assert found.bits == depth.bits
    assert np.array_equal(found.restore(found.reduce(samples)), samples)
    assert np.array_equal(depth.reduce(samples).ravel(), coded)


@given(arrays(np.uint16, (1, 3, 5)), st.sampled_from([0xFFFF, 0xFFF0, 0xFFC, 0x00FF]))
def test_any_samples_come_back(samples, mask):
    samples &= np.uint16(mask)
    depth = find(samples)
    assert np.array_equal(depth.restore(depth.reduce(samples)), samples)


@pytest.mark.parametrize(("bits", "form"), [(9, 0), (7, 0), (0, 0), (18, 0), (16, 1), (8, 4)])
def test_a_depth_or_form_that_there_is_not_is_refused(bits, form):
    with pytest.raises(MalformedError):
        Depth.checked(bits, form)
