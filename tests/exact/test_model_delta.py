"""Differences: a model is given back bit by bit, and whatever is damaged or hostile ends in one sentence."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from materials import OTHER_KINDS, small_model_bytes

from nelloc.errors import NellocError
from nelloc.exact import model_delta
from nelloc.exact.model import load_model, model_id
from nelloc.exact.model_delta import apply_differences, encode_differences, parse_differences

BASE = small_model_bytes()


def moved(base: bytes, seed: int, share: float = 0.3, largest: int = 3, step: int = 1) -> bytes:
    """The model file ``base`` with a ``share`` of its weights and biases moved by up to ``largest`` steps."""
    random = np.random.default_rng(seed)
    data = bytearray(base)
    for name, tensor in model_delta._tensors(base).items():
        if name.endswith((".weight", ".bias")):
            change = random.integers(-largest, largest + 1, tensor.values.shape) * step
            change[random.random(change.shape) > share] = 0
            limits = np.iinfo(tensor.values.dtype)
            tensor.write(data, np.clip(tensor.values + change, limits.min, limits.max))
    return bytes(data)


def restored(data: bytes, base: bytes = BASE) -> bytes:
    return apply_differences(parse_differences(data, "x"), base, "x")


def refusal(data: bytes, base: bytes = BASE) -> str:
    """The one sentence with which the differences are refused."""
    with pytest.raises(NellocError) as caught:
        restored(data, base)
    assert str(caught.value).startswith("x: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 1.0])
@pytest.mark.parametrize(("largest", "step"), [(1, 1), (3, 4), (30, 1)])
def test_a_model_comes_back_from_its_differences(share, largest, step):
    model = moved(BASE, 1, share, largest, step)
    data = encode_differences(BASE, model)
    assert restored(data) == model
    parsed = parse_differences(data, "x")
    assert (parsed.base_id, parsed.model_id) == (model_id(BASE), model_id(model))
    assert model_delta.announced_id(data) == model_id(model)


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_models_of_every_kind_have_differences(kind):
    base = small_model_bytes(**OTHER_KINDS[kind])
    model = moved(base, 2)
    assert restored(encode_differences(base, model), base) == model


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(0, 1), st.sampled_from([1, 2, 5, 24, 60]))
def test_any_model_of_the_same_shape_comes_back(seed, share, largest):
    model = moved(BASE, seed, share, largest)
    assert restored(encode_differences(BASE, model)) == model


def test_an_unrelated_model_of_the_same_shape_comes_back():
    model = small_model_bytes(seed=9)
    assert restored(encode_differences(BASE, model)) == model


def test_few_differences_take_few_bytes():
    base = small_model_bytes(width=64)
    assert len(encode_differences(base, base)) < 40
    weights = sum(layer.weight.size + layer.bias.size for layer in load_model(base).layers)
    # A tenth of all moves up or down by one: the entropy is 0.57 bits each.
    sparse = encode_differences(base, moved(base, 3, 0.15, 1))
    assert 8 * len(sparse) < 0.64 * weights
    coarse = encode_differences(base, moved(base, 3, 0.15, 1, step=4))
    assert abs(len(coarse) - len(sparse)) < 40


def test_a_model_that_differs_in_more_than_weights_is_refused():
    shifted = bytearray(BASE)
    tensor = model_delta._tensors(BASE)["layer.1.shift"]
    tensor.write(shifted, tensor.values + 1)
    for model in (bytes(shifted), small_model_bytes(width=17), small_model_bytes(components=2)):
        with pytest.raises(NellocError, match="model: "):
            encode_differences(BASE, model)


DATA = encode_differences(BASE, moved(BASE, 4))


def with_checksum(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def test_every_flipped_bit_and_every_truncation_is_refused():
    for position in range(len(DATA)):
        changed = bytearray(DATA)
        changed[position] ^= 1 << position % 8
        refusal(bytes(changed))
        refusal(DATA[:position])
    refusal(DATA + b"\0")


def test_differences_to_a_model_of_another_name_are_refused():
    # The right model would come of it: what is refused is a file that contradicts itself.
    assert "another model" in refusal(with_checksum(DATA[:5] + bytes([DATA[5] ^ 1]) + DATA[6:-4]))


@settings(max_examples=300)
@given(st.data())
def test_damage_with_a_right_checksum_is_refused_too(data):
    body = bytearray(DATA[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(5, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    hostile = bytes(body[:cut]) + data.draw(st.binary(max_size=40))
    if hostile != DATA[:-4]:
        refusal(with_checksum(hostile))


def test_another_base_an_unknown_version_and_plain_bytes_are_refused():
    refusal(DATA, small_model_bytes(seed=1))
    assert "version 2" in refusal(with_checksum(DATA[:4] + b"\2" + DATA[5:-4]))
    assert "not the differences" in refusal(BASE)
    assert "checksum" in refusal(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert not model_delta.is_differences(BASE)


def test_hostile_differences_cost_no_memory():
    head = DATA[:13]
    layers = len(load_model(BASE).layers)
    tracemalloc.start()
    for filling in (b"\xff", b"\x01", b"\xaa\x55\x13\x37"):
        refusal(with_checksum(head + bytes([15, 23] * layers) + filling * 50_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_the_bytes_are_pinned():
    assert zlib.crc32(DATA) == PINNED, hex(zlib.crc32(DATA))


PINNED = 0x2144DF1C
