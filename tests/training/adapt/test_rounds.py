"""Rounds of adaptation: they go on while they pay, and the sample that judges them is of all images."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from materials import small_model_bytes

from nelloc.codec.options import EncodeOptions
from nelloc.exact.model import load_model
from nelloc.exact.model_delta import Adapted
from nelloc.training.adapt import trials
from nelloc.training.adapt.trials import GROWTH, PAYS, Sample, in_rounds

LONGEST, SIZE = 8192, 1_000_000


class Training:
    """Stands for a model being trained: after each round it saves what it is told, its own 1000 bytes counted."""

    def __init__(self, saved: list[float]):
        self.saved, self.rounds = saved, []

    def train(self, pixels: int) -> int:
        self.rounds.append(pixels)
        return pixels

    def adapted(self):
        return SimpleNamespace(stored=bytes(1000), round=len(self.rounds))

    def share(self, adapted) -> float:
        return 1 - self.saved[adapted.round - 1] - 1000 / SIZE


def trained(*saved: float) -> tuple[trials.Trained, list[int]]:
    told = Training([*saved, *[saved[-1]] * 9])
    found = in_rounds(told, told, SIZE, LONGEST)
    assert found.pixels == sum(told.rounds)
    return found, told.rounds


# Share of the bytes, its own 1000 counted, that a first round saves which is just good enough.
ENOUGH = (PAYS + 1000 / SIZE) / GROWTH - 1000 / SIZE


def test_a_first_round_is_the_last_if_twice_its_savings_would_not_pay_for_the_model():
    found, rounds = trained(ENOUGH - 1e-5, 0.5)
    assert rounds == [1024]
    assert (found.adapted.round, found.size) == (1, pytest.approx(SIZE * (1 - ENOUGH), abs=20))


def test_rounds_double_while_each_saves_a_share_of_the_bytes():
    found, rounds = trained(ENOUGH + 1e-5, 0.02, 0.02 + 0.99 * PAYS, 0.9)
    assert rounds == [1024, 1024, 2048]
    assert found.size == pytest.approx(SIZE * (0.98 - 0.99 * PAYS), abs=2)
    assert found.adapted.round == 3


def test_the_best_round_is_kept():
    found, rounds = trained(0.01, 0.005)
    assert (rounds, found.adapted.round, found.size) == ([1024, 1024], 1, pytest.approx(SIZE * 0.99, abs=2))


def test_rounds_end_at_a_limit_even_if_each_saves():
    found, rounds = trained(*(0.01 * number for number in range(1, 30)))
    assert sum(rounds) == LONGEST
    assert found.adapted.round == len(rounds)


def test_the_sample_is_of_tiles_from_all_images_and_of_few_of_all_tiles(monkeypatch, small_model_path):
    base = load_model(small_model_bytes())
    options = EncodeOptions(model=small_model_path, threads=1)
    images = [np.random.default_rng(n).integers(0, 9, (3, 20, 30)).astype(np.uint8) + 20 * n for n in range(8)]
    sample = Sample.of(images, base, 16, options)
    assert sum(view.area for view in sample.views) == 8 * 600
    assert sample.share(Adapted(base, b"not counted")) == 1
    monkeypatch.setattr(trials, "SAMPLE_PIXELS", 1200)
    drawn = Sample.of(images, base, 16, options)
    assert 0 < sum(view.area for view in drawn.views) <= 1200
    assert {int(view.planes.min()) // 20 for view in drawn.views} == {0, 2, 4, 6} or len(drawn.views) >= 4
