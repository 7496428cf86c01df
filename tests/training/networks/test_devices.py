"""The device that is asked for, or the fastest; and bfloat16 where it multiplies that itself, and only there."""

from __future__ import annotations

import time

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from nelloc.errors import NellocError  # noqa: E402
from nelloc.training.networks.devices import bfloat16_is_faster, device_title, find_device  # noqa: E402

CPU = torch.device("cpu")


def processor(monkeypatch, **capabilities):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


@pytest.mark.parametrize(
    ("capabilities", "faster"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True, "amx_tile": True}, False),
        ({}, False),
    ],
)
def test_what_the_processor_says_decides(monkeypatch, capabilities, faster):
    processor(monkeypatch, **capabilities)
    assert bfloat16_is_faster(CPU) is faster


def test_no_clock_decides(monkeypatch):
    """However long products take, the answer stays."""
    first = bfloat16_is_faster(CPU)
    monkeypatch.setattr(time, "perf_counter", lambda: pytest.fail("measured"))
    assert [bfloat16_is_faster(CPU) for _ in range(3)] == [first] * 3


def test_where_nothing_is_known_it_is_not(monkeypatch):
    processor(monkeypatch, avx512_bf16=True)
    assert not bfloat16_is_faster(torch.device("meta"))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not bfloat16_is_faster(CPU)
    monkeypatch.undo()
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not bfloat16_is_faster(CPU)


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_is_asked(monkeypatch, supported):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert bfloat16_is_faster(torch.device("cuda")) is supported


def test_the_processor_is_used_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device(None) == CPU
    assert device_title(CPU) == "cpu"


@pytest.mark.parametrize("name", ["nonsense", "cpu:x", "meta"])
def test_a_device_that_cannot_compute_is_refused(name):
    with pytest.raises(NellocError, match=f"^device {name}: cannot be used .*choose another with --device$"):
        find_device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_is_used_where_there_is_one():
    assert find_device(None) == torch.device("cuda:0")
