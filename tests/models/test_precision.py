"""Training uses bfloat16 where its products are faster, and only there."""

from __future__ import annotations

import pytest
import torch

from nelloc.models import precision


@pytest.fixture(autouse=True)
def forgotten():
    precision.bfloat16_is_faster.cache_clear()
    yield
    precision.bfloat16_is_faster.cache_clear()


@pytest.mark.parametrize("faster", [True, False])
def test_the_faster_of_the_two_is_taken(monkeypatch, faster):
    seconds = {torch.bfloat16: 1.0 if faster else 3.0, torch.float32: 2.0}
    monkeypatch.setattr(precision, "_seconds", seconds.__getitem__)
    assert precision.bfloat16_is_faster(torch.device("cpu")) is faster
    assert precision.bfloat16_is_faster(torch.device("cuda"))


def test_the_answer_stays_the_same(monkeypatch):
    first = precision.bfloat16_is_faster(torch.device("cpu"))
    monkeypatch.setattr(precision, "_seconds", lambda dtype: pytest.fail("measured again"))
    assert precision.bfloat16_is_faster(torch.device("cpu")) is first
