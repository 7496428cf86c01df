"""The decoder in Python does what the compiled core does, with whole streams and with damaged ones."""

from __future__ import annotations

import random

import numpy as np
import pytest
from jpeg_samples import made, mutated, picture, saved
from test_coefficients import FACTORS, image

from nelloc.codec.past import core, reference
from nelloc.codec.past.coefficients import JpegCoefficients
from nelloc.codec.past.reference.scans import Corrections

pytestmark = pytest.mark.skipif(not core.available(), reason="the compiled core is not built")
FILES = list(dict(made()).items())


def handles(given: JpegCoefficients):
    """An image without coefficients, of the core and of the reference."""
    components = [(one.h, one.v, one.quantisation.astype("<u2").tobytes(), b"") for one in given.components]
    arguments = given.width, given.height, components
    return core.make(*arguments), reference.make(*arguments)


def stream_of(given: JpegCoefficients, part: int = 0) -> bytes:
    """The stream of a part of an image."""
    components = [
        (one.h, one.v, one.quantisation.astype("<u2").tobytes(), one.coefficients) for one in given.components
    ]
    return core.encode(core.make(given.width, given.height, components), part)


@pytest.mark.parametrize("seed", range(24))
def test_coefficients_are_those_of_the_core(seed):
    rng = random.Random(seed)
    size, largest, density = (rng.randint(1, 60), rng.randint(1, 40)), rng.choice([1, 3, 200, 32767]), rng.random()
    given = image(*size, FACTORS[seed % len(FACTORS)], seed, largest, density)
    handle, other = handles(given)
    steps: list[int] = []
    assert reference.decode(other, 0, stream_of(given), steps.append, 1000)
    assert sum(steps) == 1000
    for one, found in zip(given.components, other.components, strict=True):
        assert np.array_equal(one.coefficients, found.coefficients)
    assert core.decode(handle, 0, stream_of(given))
    assert reference.content(other) == core.content(handle)


@pytest.mark.parametrize("seed", range(24))
def test_a_damaged_stream_gives_the_same_in_both(seed):
    rng = random.Random(seed)
    given = image(40, 30, FACTORS[seed % len(FACTORS)], seed, rng.choice([3, 200, 32767]), rng.random())
    stream = mutated(stream_of(given), rng)
    handle, other = handles(given)
    assert reference.decode(other, 0, stream, lambda _: None, 0) == core.decode(handle, 0, stream)
    assert reference.content(other) == core.content(handle)


def test_a_stream_of_too_few_bytes_is_refused():
    given = image(2000, 1500, [(1, 1)], 1, 0, 1.0)
    assert not reference.decode(handles(given)[1], 0, bytes(20), lambda _: None, 0)


def test_work_can_be_stopped():
    given = image(60, 60, FACTORS[3], 3, 3, 0.5)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reference.decode(handles(given)[1], 0, stream_of(given), stop, 1)


def test_a_further_part_begins_anew():
    given = image(65528, 8 * 17, [(1, 1)], 1, 1, 0.01)
    handle, other = handles(given)
    assert reference.parts(other) == core.parts(handle) == 2
    numbers = given.components[0].coefficients
    assert not reference.content(other)[2][0][5].strip(b"\0")
    assert reference.decode(other, 1, stream_of(given, 1), lambda _: None, 0)
    found = other.components[0].coefficients
    assert np.array_equal(found[16:], numbers[16:])
    assert not found[:16].any()


@pytest.mark.parametrize(("name", "data"), FILES[::4], ids=[name for name, _ in FILES[::4]])
def test_files_are_written_as_the_core_writes_them(name, data):
    found = core.read(data, 1 << 28)
    assert found is not None
    handle, skeleton, corrections = found
    other = reference.prepare(skeleton, 1 << 28)
    width, height, components = core.content(handle)
    assert reference.shape(other) == (width, height, len(components))
    for one, (*_, numbers) in zip(other.components, components, strict=True):
        one.coefficients[:] = np.frombuffer(numbers, np.int16).reshape(one.coefficients.shape)
    assert reference.content(other) == core.content(handle)
    assert reference.write(other, skeleton, corrections) == data


@pytest.mark.parametrize("progressive", [False, True])
def test_damaged_skeletons_and_corrections_give_the_same_in_both(progressive):
    data = saved(picture(70, 50), quality=80, progressive=progressive, restart_marker_blocks=3)
    handle, skeleton, corrections = core.read(data, 1 << 28)
    other = reference.prepare(skeleton, 1 << 28)
    for one, (*_, numbers) in zip(other.components, core.content(handle)[2], strict=True):
        one.coefficients[:] = np.frombuffer(numbers, np.int16).reshape(one.coefficients.shape)
    rng = random.Random(progressive)
    outcomes = set()
    for _ in range(150):
        bones = mutated(skeleton, rng) if rng.random() < 0.7 else skeleton
        rest = rng.choice([corrections, b"\0", b"\1", b"\3", b"", b"\2\x08\x55", b"\1\5", b"\1\5\3", b"\0\xff"])
        prepared, of_core = reference.prepare(bones, 1 << 20), core.prepare(bones, 1 << 20)
        assert (prepared is None) == (of_core is None)
        if prepared is not None:
            assert reference.content(prepared) == core.content(of_core)
        written = reference.write(other, bones, rest)
        assert written == core.write(handle, bones, rest)
        outcomes.add((prepared is None, written is None))
    assert outcomes == {(False, False), (False, True), (True, True)}


@pytest.mark.parametrize("seed", range(12))
def test_bytes_are_those_of_the_core(seed):
    rng = random.Random(seed)
    data = mutated(saved(picture(16, 16, seed))[: rng.randint(0, 700)], rng)
    stream = core.pack_bytes(data)
    assert reference.unpack_bytes(stream, len(data)) == data
    damaged = mutated(stream, rng)
    assert reference.unpack_bytes(damaged, len(data)) == core.unpack_bytes(damaged, len(data))


def test_bits_that_fill_bytes_come_in_order():
    corrections = Corrections(b"\2\x0a\x55\x02")
    assert [corrections.padding() for _ in range(10)] == [1, 0, 1, 0, 1, 0, 1, 0, 0, 1]
    assert corrections.ended
