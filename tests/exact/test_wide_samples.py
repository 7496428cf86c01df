"""Deep samples: the floating-point code is the integers of docs/FORMAT.md, also at the largest values there can be."""

from __future__ import annotations

import independent
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from independent.mixture import Pixel
from independent.model_file import load_model as load_independently
from materials import small_model_bytes

import nelloc
from nelloc.errors import NellocError
from nelloc.exact.decoders import DECODERS
from nelloc.exact.mixture import FREQUENCY_BITS, RADIX, run
from nelloc.exact.model import load_model
from nelloc.exact.wide_samples import DeepMixture, DeepNormaliser, DeepTables

MODEL = small_model_bytes()
EXACT, INDEPENDENT = load_model(MODEL), load_independently(MODEL)
DEPTHS = (10, 12, 14, 16)


def deep(content: str, height: int, width: int, channels: int, bits: int, seed: int = 0) -> np.ndarray:
    """A hostile or ordinary image of 16 bits in which the lowest ``bits`` vary, with something in bits 0 and 15."""
    random = np.random.default_rng(seed)
    shape = (height, width, channels)
    if content == "noise":
        image = random.integers(0, 1 << bits, shape)
    elif content == "extremes":
        image = random.integers(0, 2, shape) * ((1 << bits) - 1)
    else:
        rows, columns = np.mgrid[:height, :width]
        slope = (rows * 37 + columns * 11)[..., None] * (np.arange(channels) + 1)
        image = (slope + random.normal(size=shape) * 40 + (1 << (bits - 1))) % (1 << bits)
    image = image.astype(np.uint16)
    return image[:, :, 0] if channels == 1 else image


@settings(max_examples=25)
@given(
    st.integers(1, 25),
    st.integers(1, 25),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from(DEPTHS),
    st.sampled_from(["noise", "extremes", "smooth"]),
)
def test_any_size_depth_and_content_comes_back(small_model_path, height, width, channels, bits, content):
    image = deep(content, height, width, channels, bits)
    data = nelloc.encode(image, model=small_model_path, tile=16, verify=False)
    for decoder in ("parallel", "sheared"):
        assert np.array_equal(nelloc.decode(data, model=small_model_path, decoder=decoder), image)


@pytest.mark.parametrize("content", ["noise", "extremes", "smooth"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", DEPTHS)
def test_the_independent_decoder_and_every_other_agree(small_model_path, content, channels, bits):
    image = deep(content, 5, 6, channels, bits)
    data = nelloc.encode(image, model=small_model_path)
    for decoder in DECODERS:
        assert np.array_equal(nelloc.decode(data, model=small_model_path, decoder=decoder), image)
    planes = independent.decode(data, [MODEL]).planes
    assert planes == [plane.ravel().tolist() for plane in np.atleast_3d(image).transpose(2, 0, 1)]


def pixels(bits: int, n: int, scale: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random contexts, and outputs of the network up to ``scale``, as far as sums of 24 bits allow."""
    random = np.random.default_rng(scale)
    contrast = random.choice([0, 3, 40, 1 << (bits - 6), 1 << (bits - 1)], n)
    values = random.integers(0, 1 << bits, n) + contrast * random.normal(size=(24, 3, n))
    values = np.clip(values, 0, (1 << bits) - 1).round()
    normalised = DeepNormaliser(EXACT, bits)((values * 4).astype(np.float32))
    outputs = random.integers(-scale, scale + 1, (10 * EXACT.components, n)).astype(np.float32)
    return outputs, normalised.base, normalised.level


@pytest.mark.parametrize("scale", [200, 4000, (1 << 24) - 1])
@pytest.mark.parametrize("bits", DEPTHS)
def test_frequencies_are_those_of_plain_integers(bits, scale):
    outputs, base, level = pixels(bits, 25, scale)
    random = np.random.default_rng(bits)
    mixture = DeepMixture(EXACT, bits)
    plain = [
        Pixel(INDEPENDENT, [int(b) for b in base[:, k]], int(level[k]), outputs[:, k].astype(int).tolist(), bits)
        for k in range(len(level))
    ]
    steps = iter([(plane, stride) for plane in range(3) for stride in mixture.strides])

    def choose(frequencies):
        _, stride = next(steps)
        assert np.array_equal(frequencies.sum(axis=1), np.full(len(plain), 2**FREQUENCY_BITS - RADIX))
        if stride == mixture.strides[0]:
            for pixel in plain:
                if hasattr(pixel, "lo"):
                    pixel.end_plane()
                pixel.begin_plane()
        bounds = np.array([pixel.bounds(stride) for pixel in plain])
        assert np.array_equal(np.diff(bounds, axis=1), frequencies + 1)
        # Mostly the likeliest digit, sometimes any.
        digit = np.where(
            random.random(len(plain)) < 0.7, frequencies.argmax(axis=1), random.integers(0, RADIX, len(plain))
        )
        for pixel, d in zip(plain, digit.tolist(), strict=True):
            pixel.lo += stride * d
        return digit

    values = run(mixture.code(outputs, base, level, 3), choose)
    for pixel in plain:
        pixel.end_plane()
    assert values.T.tolist() == [pixel.values for pixel in plain]


@pytest.mark.parametrize("channels", [1, 3])
def test_tables_go_on_by_octaves(channels):
    model = load_model(small_model_bytes(channels=channels))
    tables, count = DeepTables.of(model.context, channels, 16), len(model.context.thresholds)
    assert len(tables.thresholds) == count + 64
    for name in ("thresholds", "input_scale", "mean_scale", "scale_offset"):
        assert np.array_equal(getattr(tables, name)[:count], getattr(model.context, name))
    assert (np.diff(tables.thresholds) > 0).all()
    # An activity of eight levels more is twice as large.
    np.testing.assert_allclose(tables.mean_scale[8:] / tables.mean_scale[:-8], 2, rtol=0.02)
    assert np.array_equal(tables.scale_offset[count:], tables.scale_offset[count - 8 : -8] + 32)
    # The largest sum of differences reaches the last octave.
    assert tables.thresholds[-8] <= 4 * 65535 * 6 * channels


@pytest.mark.parametrize("fields", [{"inputs": "raw"}, {"inputs": "raw", "channels": 1}])
def test_a_model_that_has_no_tables_for_it_is_refused(tmp_path, fields):
    path = tmp_path / "raw.nlm"
    path.write_bytes(small_model_bytes(**fields))
    with pytest.raises(NellocError, match="codes samples of 8 bits only; use --model default"):
        nelloc.encode(deep("noise", 4, 4, 1, 16), model=path)


def test_deep_samples_cost_what_noise_has_to():
    """Noise in the low bits costs those bits, and little more: the network sees the same picture as in 8 bits."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[:60, :70]
    smooth = 120 + 60 * np.sin(rows / 19 + columns / 23)
    picture = (smooth * 257 + random.normal(size=smooth.shape) * 100).astype(np.uint16)
    bits = 8 * len(nelloc.encode(picture, verify=False)) / picture.size
    entropy = np.log2(100 * np.sqrt(2 * np.pi * np.e))
    assert entropy < bits < entropy + 0.6
