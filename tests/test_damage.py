"""The promise: of a file that lost its end or has one wrong bit no pixel is given, whatever coded it, and soon.

A container's checksums alone would keep it; what decodes a tile must keep it without them.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
import pytest
from materials import on_lattice

import nelloc
from nelloc.codec import container, search
from nelloc.codec.adaptive.coder import Form
from nelloc.codec.adaptive.stream import AdaptiveSetting
from nelloc.codec.format import Method
from nelloc.codec.lattice import OnLattice
from nelloc.codec.lzma_rows import Filter, Predictor
from nelloc.codec.search import Trial
from nelloc.exact.lattice import Rule

# Processor time for one damaged file: what nothing should take on any machine.
SECONDS = 5
MOST_BYTES = 160
TRIALS = {
    "mixture": Trial(Method.MIXTURE),
    "mixture, deep": Trial(Method.MIXTURE),
    "learning": Trial(Method.LEARNING),
    "two layers": Trial(Method.TWO_LAYERS),
    "lattice": Trial(Method.LATTICE, OnLattice(Rule.JFIF, Method.LEARNING)),
    "seen colours": Trial(Method.LATTICE, OnLattice(Rule.SEEN, Method.LEARNING)),
    **{f"adaptive, {form.name.lower()}": Trial(Method.ADAPTIVE, AdaptiveSetting(form)) for form in Form},
    **{f"rows, {predictor.name.lower()}": Trial(Method.ROWS, Filter(predictor)) for predictor in Predictor},
    "deflate": Trial(Method.DEFLATE),
    "stored": Trial(Method.STORED),
    "constant": Trial(Method.CONSTANT),
}


@contextmanager
def coded_by(trial):
    """A time in which everything is coded in one way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_trials", lambda *_: iter([trial]))
        yield


def image_for(name, trial, layout):
    """As small as lets a file have each part of its layout."""
    random = np.random.default_rng(4)
    shape = (3, 18 if layout == "tiled" else 4)
    if trial.method is Method.CONSTANT:
        return np.full(shape, 77, np.uint8)
    if trial.method is Method.LATTICE:
        return on_lattice(random.integers(90, 110, (1, shape[1], 3)).astype(np.uint8), Rule.JFIF)
    samples = np.arange(shape[1]) * 5 + random.integers(0, 9, shape)
    return (samples * 300).astype(np.uint16) if name == "mixture, deep" else samples.astype(np.uint8)


def small_file(name, layout, model):
    """An image, and its file, whose tiles are all coded as the trial says."""
    trial = TRIALS[name]
    image = image_for(name, trial, layout)
    options = {"tile": 16} if layout == "tiled" else {}
    with coded_by(trial):
        data = nelloc.encode(
            image, model=model, learn=trial.method in (Method.LEARNING, Method.TWO_LAYERS), verify=False, **options
        )
    methods = {record.method for record in container.parse(data).records}
    assert trial.method in methods
    assert len(data) <= MOST_BYTES
    assert np.array_equal(nelloc.decode(data, model=model), image)
    return image, data


def damaged(data):
    """Every prefix, and every file with one bit changed."""
    for length in range(len(data)):
        yield data[:length]
    for place in range(8 * len(data)):
        yield data[: place // 8] + bytes([data[place // 8] ^ 1 << place % 8]) + data[place // 8 + 1 :]


def assert_refused(data, model):
    start = time.process_time()
    with pytest.raises(nelloc.NellocError):
        nelloc.decode(data, model=model)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("layout", ["compact", "tiled"])
@pytest.mark.parametrize("name", TRIALS)
def test_no_damaged_file_gives_pixels(name, layout, small_model_path):
    _, data = small_file(name, layout, small_model_path)
    for other in damaged(data):
        assert_refused(other, small_model_path)


@pytest.mark.parametrize("name", [name for name, trial in TRIALS.items() if trial.method.checks_pixels])
def test_no_damaged_tile_gives_pixels_under_right_checksums(name, small_model_path):
    """What checks its pixels needs no checksum of the container."""
    _, data = small_file(name, "compact", small_model_path)
    file = container.parse(data)
    (record,) = file.records
    for other in damaged(record.data):
        forged = replace(file, records=(replace(record, view=other),))
        assert_refused(container.pack(forged), small_model_path)


@pytest.mark.parametrize("name", [name for name, trial in TRIALS.items() if not trial.method.checks_pixels])
def test_what_does_not_check_its_pixels_refuses_what_it_cannot_be(name, small_model_path):
    """Other data under right checksums is another file: an image of the announced size, or an error, and soon."""
    image, data = small_file(name, "compact", small_model_path)
    file = container.parse(data)
    (record,) = file.records
    for other in damaged(record.data):
        forged = container.pack(replace(file, records=(replace(record, view=other),)))
        start = time.process_time()
        with suppress(nelloc.NellocError):
            assert nelloc.decode(forged, model=small_model_path).shape == image.shape
        assert time.process_time() - start < SECONDS
