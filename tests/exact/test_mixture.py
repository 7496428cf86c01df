"""The integer mixture is a distribution, follows FORMAT.md digit by digit, and is close to the real one."""

import dataclasses
import math
import re

import numpy as np
import pytest

from nelloc.exact import model_store
from nelloc.exact.context import Normaliser, standard_activity
from nelloc.exact.mixture import DIGITS, FREQUENCY_BITS, RADIX, STRIDES, Mixture, run


def pixels(model, n, seed):
    """Random contexts of very different contrast, and random but plausible outputs of the network."""
    random = np.random.default_rng(seed)
    contrast = random.choice([0, 1, 4, 40, 128], n)
    values = np.clip(random.integers(0, 256, n) + contrast * random.normal(size=(24, 3, n)), 0, 255).round()
    normalised = Normaliser(model.horizon, model.context)((values * 4).astype(np.float32))
    k = model.components
    scale = np.repeat([150, 400, 60, 200], [k, 3 * k, 3 * k, 3 * k])[:, None]
    outputs = np.floor(random.normal(size=(10 * k, n)) * scale).astype(np.float32)
    return outputs, normalised.base, normalised.level


def probabilities(model, parameters, known):
    """P(value) (256, N) of the plane after those in ``known``, by walking every path of digits."""
    outputs, base, level = parameters
    n = outputs.shape[1]
    result = np.empty((256, n))
    for value in range(256):
        values = [*known, np.full(n, value)]
        log2 = np.zeros(n)
        wanted = iter((plane, stride) for plane in range(len(values)) for stride in STRIDES)

        def choose(frequencies, wanted=wanted, values=values, log2=log2):
            plane, stride = next(wanted)
            digit = values[plane] // stride % RADIX
            assert np.array_equal(frequencies.sum(axis=1), np.full(n, 2**FREQUENCY_BITS - RADIX))
            assert (frequencies >= 0).all()
            if plane == len(known):
                log2 += np.log2(frequencies[np.arange(n), digit] + 1) - FREQUENCY_BITS
            return digit

        run(Mixture(model).code(outputs, base, level, len(values)), choose)
        result[value] = 2**log2
    return result


def real_mixture(model, parameters, known):
    """The same distribution in float64, from the formula instead of tables and shifts."""
    outputs, base, level = (np.asarray(a, np.float64) for a in parameters)
    level = level.astype(int)
    k = model.components
    weight = np.exp((outputs[:k] - outputs[:k].max(axis=0)) / 64)
    weight /= weight.sum(axis=0)
    means, scales, coefficients = outputs[k:].reshape(3, 3, k, -1)
    deviations = []
    for plane in range(len(known) + 1):
        mean = base[plane] / 4 + means[plane] / 256 * model.context.mean_scale[level] / 64
        if plane == 1:
            mean = mean + coefficients[0] / 256 * deviations[0]
        if plane == 2:
            mean = mean + coefficients[1] / 256 * deviations[0] + coefficients[2] / 256 * deviations[1]
        mean = np.clip(mean, -64, 320)
        log2 = np.clip(scales[plane] + model.context.scale_offset[level], 0, 384) / 32 - 5
        edges = np.arange(257)[:, None, None] - 0.5
        cdf = 0.5 * (1 + np.tanh((edges - mean) / 2**log2 / 2))
        cdf[0], cdf[256] = 0, 1
        mass = np.diff(cdf, axis=0) + 2.0**-21
        if plane < len(known):
            value = known[plane]
            deviations.append(value - base[plane] / 4)
            weight = weight * mass[value, :, np.arange(mass.shape[2])].T
            weight /= weight.sum(axis=0)
    return (weight * mass).sum(axis=1) / (1 + 256 * 2.0**-21)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_the_distribution_sums_to_one_is_positive_and_close_to_the_real_mixture(plane):
    model = model_store.find()
    parameters = pixels(model, 60, seed=plane)
    random = np.random.default_rng(9)
    known = [np.clip(parameters[1][p] / 4 + random.integers(-9, 10, 60), 0, 255).astype(np.int64) for p in range(plane)]
    integer = probabilities(model, parameters, known)
    assert integer.min() > 0
    assert np.allclose(integer.sum(axis=0), 1, atol=1e-12)
    real = real_mixture(model, parameters, known)
    divergence = (real * np.log2(real / integer)).sum(axis=0)
    # Bits per sample lost to tables and integers. Where the known planes were all but impossible, the
    # 13 bits of a component's weight are coarse, so single pixels may lose more.
    assert np.median(divergence) < 0.0005
    assert divergence.mean() < 0.01


def test_encoding_and_decoding_take_the_same_number_of_digits():
    model = model_store.find()
    outputs, base, level = pixels(model, 5, seed=3)
    calls = []

    def choose(frequencies):
        calls.append(frequencies.shape)
        return frequencies.argmax(axis=1)

    values = run(Mixture(model).code(outputs, base, level, 3), choose)
    assert calls == [(5, RADIX)] * (3 * DIGITS)
    assert values.shape == (3, 5)


def test_the_uniform_part_is_the_thesis_alpha():
    """Every gray level keeps at least alpha / 256, alpha about 1e-4 (thesis section 5.5)."""
    from nelloc.training.networks.mixture import UNIFORM_WEIGHT

    assert math.isclose(UNIFORM_WEIGHT, 1e-4, rel_tol=0.25)
    model = model_store.find()
    outputs, base, level = pixels(model, 40, seed=4)
    model_scale = slice(4 * model.components, 7 * model.components)
    outputs[model_scale] = -10_000  # as sure as it can be
    lowest = probabilities(model, (outputs, base, level), []).min()
    assert lowest > 0.5 * UNIFORM_WEIGHT / 256


def test_the_example_of_a_pixel_is_right():
    rows = re.findall(r"^ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d)$", Mixture.code.__doc__, re.MULTILINE)
    table = np.array(rows, int)
    model = dataclasses.replace(model_store.find("default-gray"), components=1)
    level = standard_activity(len(model.context.thresholds)).index(6)
    outputs, base = np.zeros((3, 1), np.float32), np.full((1, 1), 400, np.float32)
    given = []

    def choose(frequencies):
        given.append(frequencies[0])
        return table[len(given) - 1, -1:]

    assert run(Mixture(model).code(outputs, base, np.array([level], np.int16), 1), choose) == 103
    np.testing.assert_array_equal(table[:, 0], STRIDES)
    np.testing.assert_array_equal(table[:, 1:-1], given)
    digits = table[:, -1]
    chances = (table[np.arange(DIGITS), 1 + digits] + 1) / 2**FREQUENCY_BITS
    assert " * ".join(f"{chance:.3f}" for chance in chances) + f" = {chances.prod():.3f}" in Mixture.code.__doc__
    assert f"takes {-np.log2(chances.prod()):.1f} bits" in Mixture.code.__doc__
