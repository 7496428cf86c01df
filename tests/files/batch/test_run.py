"""Promises of where a run's work is done."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from nelloc.files.batch.outcome import Converted
from nelloc.files.batch.run import compress_folder


@pytest.fixture
def no_processes(monkeypatch):
    """The system gives no processes, so that what is meant for others is done in this one."""

    def fail(*_):
        raise NotImplementedError("no semaphores")

    monkeypatch.setattr("nelloc.codec.process_pool.ProcessPoolExecutor", fail)


def test_work_for_other_processes_leaves_one_that_has_other_work_as_it_was(
    tmp_path, small_model_path, no_processes, monkeypatch
):
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # the images have more than twice as many
    during = []
    real = Image.open

    def opened(*arguments, **keywords):
        of_others = next(action for action, _, category, *_ in warnings.filters if issubclass(UserWarning, category))
        during.append((Image.MAX_IMAGE_PIXELS, of_others))
        return real(*arguments, **keywords)

    monkeypatch.setattr(Image, "open", opened)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        outcomes = list(compress_folder([tmp_path], tmp_path / "out", recursive=True, model=small_model_path, jobs=2))
        assert warnings.filters == before
    assert [type(outcome) for outcome in outcomes] == [Converted] * 3
    assert set(during) == {(None, "ignore")}
    assert Image.MAX_IMAGE_PIXELS == 20
