"""Adapting: what is trained is what is coded, and its result is an integer model of the same steps."""

import numpy as np
import pytest
from materials import OTHER_KINDS, small_model_bytes

pytest.importorskip("torch")

import torch

from nelloc import NellocError
from nelloc import image as images
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.codec.progress import Progress
from nelloc.exact import model_store
from nelloc.exact.model import load_model
from nelloc.exact.model_delta import apply_differences, parse_differences
from nelloc.training.adapt import encode, finetune
from nelloc.training.adapt.finetune import AdaptSettings, Tuning
from nelloc.training.batches import BatchMaker
from nelloc.training.networks.export import restore

BASE = small_model_bytes()


class Count(Progress):
    """Counts what is announced and what is done."""

    expected = done = 0

    def expect(self, steps, phase=""):
        self.expected += steps

    def advance(self, steps=1, remark=""):
        self.done += steps


def smooth(*shape: int) -> np.ndarray:
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    waves = [128 + 90 * np.sin(rows / a + columns / b) for a, b in random.uniform(5, 20, (shape[0], 2))]
    return np.stack(waves).astype(np.uint8)


@pytest.mark.parametrize("planes", [1, 3])
def test_the_bits_trained_on_are_those_of_the_coder(planes, small_model_path):
    image = smooth(planes, 40, 50)
    pixels = images.from_array(image[0] if planes == 1 else image.transpose(1, 2, 0), "x")
    (coded,) = encode_pixels(
        [pixels], EncodeOptions(model=small_model_path, tile=16, learn=False), verify=False, measure=True
    )
    network = restore(load_model(BASE))
    pool = finetune.TilePool.of([image], 16)
    drawn = finetune.TileSampler(pool, 3, 0).at(np.arange(len(pool)))
    batch = BatchMaker(network.config)(drawn.context, drawn.value, drawn.borders)
    with torch.no_grad():
        bits = finetune.bits(network(batch.inputs), batch, torch.from_numpy(drawn.gray), network.config)
    assert float(bits.sum()) == pytest.approx(coded.model_bits, rel=0.03)


def test_the_adapted_model_has_the_steps_of_the_base_and_comes_back_from_its_differences():
    base = load_model(BASE)
    count = Count()
    adapted = Tuning([smooth(3, 60, 70)], base, 32, AdaptSettings(20_000), progress=count).once()
    assert count.done == count.expected == AdaptSettings(20_000).steps * AdaptSettings(20_000).batch
    again = apply_differences(parse_differences(adapted.stored, "x"), BASE, "x")
    assert load_model(again).sha256 == adapted.model.sha256
    assert adapted.model.sha256 != base.sha256
    for new, old in zip(adapted.model.layers, base.layers, strict=True):
        np.testing.assert_array_equal(new.shift, old.shift)
    assert Tuning([smooth(3, 60, 70)], base, 32, AdaptSettings(20_000)).once().stored == adapted.stored


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_models_of_every_kind_are_adapted(kind):
    base = small_model_bytes(**OTHER_KINDS[kind])
    model = load_model(base)
    adapted = Tuning([smooth(1, 30, 20), smooth(model.channels, 25, 30)], model, 16, AdaptSettings(4000)).once()
    again = apply_differences(parse_differences(adapted.stored, "x"), base, "x")
    assert load_model(again).sha256 == adapted.model.sha256


def test_a_round_goes_on_from_where_the_one_before_it_ended():
    base = load_model(BASE)
    image = smooth(3, 60, 70)
    tuning = Tuning([image], base, 32, AdaptSettings(20_000))
    sizes, stored = [], []
    for _ in range(3):
        assert tuning.train(20_000) == AdaptSettings(20_000).steps * AdaptSettings(20_000).batch
        adapted = tuning.adapted()
        stored.append(adapted.stored)
        (file,) = encode_pixels(
            [images.from_array(image.transpose(1, 2, 0))],
            EncodeOptions(tile=32, learn=False, effort=1, model=None),
            verify=False,
            measure=True,
            adapted={model_store.find("default").id: adapted},
        )
        sizes.append(file.model_bits)
    assert stored[0] == Tuning([image], base, 32, AdaptSettings(20_000)).once().stored
    assert sizes[2] < sizes[1] < sizes[0]


def test_few_pixels_move_few_weights():
    base = load_model(BASE)
    plan = AdaptSettings(30_000)
    sizes = [len(Tuning([smooth(3, *size)], base, 32, plan).once().stored) for size in ((8, 8), (100, 100))]
    assert sizes[0] < 0.7 * sizes[1]


def test_more_pixels_are_adapted_to_for_longer():
    assert encode.default_minutes(2**20) == 1.0
    assert encode.default_minutes(1) < encode.default_minutes(2**24) <= 30


def test_minutes_out_of_range_are_refused():
    for minutes in (0, -1, 1e9, float("nan")):
        with pytest.raises(NellocError, match="minutes"):
            EncodeOptions(adapt=True, adapt_minutes=minutes)
