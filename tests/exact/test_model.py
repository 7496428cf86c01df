"""Model files: the identity of a model, the bounds that make it exact, and refusal of anything else."""

import json

import numpy as np
import pytest
import safetensors.numpy
from materials import OTHER_KINDS, small_model_bytes

from nelloc import NellocError
from nelloc.exact.context import ContextTables
from nelloc.exact.model import ACTIVATION_MAX, SUM_LIMIT, Layer, MixtureTables, load_model, save_model


def rewrite(change, about=None) -> bytes:
    """The small model's file after ``change`` of its tensors and its description."""
    data = small_model_bytes()
    tensors = {name: array.copy() for name, array in safetensors.numpy.load(data).items()}
    length = int.from_bytes(data[:8], "little")
    description = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["about"])
    change(tensors)
    description |= about or {}
    return safetensors.numpy.save(tensors, metadata={"about": json.dumps(description)})


def test_the_same_integers_give_the_same_file_and_id():
    assert small_model_bytes() == small_model_bytes()
    assert load_model(small_model_bytes()).id == load_model(small_model_bytes()).id
    assert load_model(small_model_bytes(1)).id != load_model(small_model_bytes()).id


def test_the_order_of_weights_in_memory_does_not_matter():
    shape = {"horizon": 3, "components": 3, "joint": True, "context": ContextTables.of(3, "normalised")}
    weight, zeros, table = np.arange(12).reshape(3, 4), np.zeros(3, np.int32), np.zeros(2, np.int32)
    files = [
        save_model(layers=(Layer(one, zeros, zeros),), mixture=MixtureTables(table, table, table), **shape)
        for one in (weight, np.asfortranarray(weight))
    ]
    assert files[0] == files[1]


def test_sums_that_could_reach_two_to_the_24_are_refused():
    limit = SUM_LIMIT // ACTIVATION_MAX // 16

    def fill(tensors, value):
        tensors["layer.1.weight"] = np.full((16, 16), value, np.int16)
        tensors["layer.1.bias"][:] = 0

    load_model(rewrite(lambda t: fill(t, limit)))
    with pytest.raises(NellocError, match=r"layer 1 can reach 2\*\*24"):
        load_model(rewrite(lambda t: fill(t, limit + 1)), "bad.nlm")


def test_models_of_every_kind_load_as_what_they_are(other_model_path):
    model = load_model(other_model_path.read_bytes())
    expected = {"channels": 3, "inputs": "normalised", "joint": True, "horizon": 3}
    expected |= OTHER_KINDS[other_model_path.stem.replace("-", " ")]
    assert {name: getattr(model, name) for name in expected} == expected


def test_a_model_of_the_usual_kind_does_not_name_it():
    data = small_model_bytes()
    assert b"channels" not in data
    assert b"inputs" not in data


def test_raw_inputs_with_activity_levels_are_refused():
    tensors = safetensors.numpy.load(small_model_bytes(inputs="raw"))
    for name in [name for name in tensors if name.startswith("context.")]:
        tensors[name] = safetensors.numpy.load(small_model_bytes())[name]
    about = {"format": "nelloc-model", "version": 1, "horizon": 3, "components": 3, "joint": True, "inputs": "raw"}
    about["skips"] = [None, None, None, 0, None, None]
    data = safetensors.numpy.save(tensors, metadata={"about": json.dumps(about)})
    with pytest.raises(NellocError, match="more than one activity level"):
        load_model(data)


def put(name, index, value):
    def change(tensors):
        tensors[name][index] = value

    return change


@pytest.mark.parametrize(
    ("change", "about", "reason"),
    [
        (lambda t: t.pop("layer.2.bias"), None, "layer.2.bias"),
        (lambda t: t.update({"layer.0.weight": t["layer.0.weight"][:, 1:].copy()}), None, "wrong shape"),
        (lambda t: t.update({"layer.0.bias": t["layer.0.bias"].astype(np.float32)}), None, "integers"),
        (put("layer.1.shift", 0, 24), None, "wrong shift"),
        (put("context.thresholds", 0, 1), None, "activity table"),
        (put("context.thresholds", 5, 0), None, "not increasing"),
        (put("context.input_scale", 3, 0), None, "input_scale"),
        (put("mixture.logistic", 9, 0), None, "distribution"),
        # Differences that would wrap around in 32 bits.
        (put("mixture.logistic", slice(9, 11), (2097152244, -1023409936)), None, "distribution"),
        (put("mixture.exponential", slice(9, 11), (-1073741824, 1073741825)), None, "exponential"),
        (put("context.thresholds", slice(5, 7), (2000000000, -1000000000)), None, "not increasing"),
        (put("mixture.exponential", 0, 5), None, "exponential"),
        (put("mixture.inverse_scale", 1, 0), None, "scale table"),
        (lambda t: None, {"horizon": 99}, "horizon"),
        (lambda t: None, {"components": 0}, "components"),
        (lambda t: None, {"channels": 2}, "channels"),
        (lambda t: None, {"channels": 1}, "wrong shape"),
        (lambda t: None, {"inputs": "cooked"}, "inputs"),
        (lambda t: None, {"inputs": ["raw"]}, "inputs"),
        (lambda t: None, {"inputs": "raw"}, "wrong shape"),
        (lambda t: None, {"horizon": 1}, "horizon"),
        (lambda t: None, {"skips": [None, 0, None, None, None, 0]}, "skip"),
        (lambda t: t.update({"layer.2.bias": t["layer.2.bias"][:, None]}), None, "layer 2 has a wrong shape"),
        (lambda t: t.update({"layer.1.bias": np.zeros((16, 16), np.int32)}), None, "layer 1 has a wrong shape"),
        (lambda t: t.update({"context.thresholds": t["context.thresholds"][:, None]}), None, "activity table"),
        (
            lambda t: t.update({"layer.6.weight": np.zeros((1 << 40, 0), np.int8)}),
            None,
            "unknown tensor 'layer.6.weight'",
        ),
        (lambda t: None, {"horizon": 3.0}, "3.0 instead of an integer"),
        (lambda t: None, {"joint": "false"}, "'false' instead of true or false"),
        (lambda t: None, {"borders": 0}, "0 instead of"),
        (lambda t: None, {"skips": [None, None, None, True, None, None]}, "True instead of"),
        (lambda t: None, {"version": 2}, "version 2"),
        (lambda t: None, {"format": "other"}, "format"),
    ],
)
def test_a_hostile_model_is_refused_with_its_name_and_reason(change, about, reason):
    with pytest.raises(NellocError, match=f"bad.nlm: not a usable nelloc model .*{reason}"):
        load_model(rewrite(change, about), "bad.nlm")


def test_a_description_of_endless_brackets_is_refused():
    deep = "[" * 100_000
    for header in (f'{{"__metadata__":{{"about":"{deep}"}}}}', deep):
        with pytest.raises(NellocError, match=r"^bad\.nlm: not a usable nelloc model"):
            load_model(len(header).to_bytes(8, "little") + header.encode(), "bad.nlm")


def test_truncated_and_random_bytes_are_refused():
    data = small_model_bytes()
    for length in [*range(0, 64), *range(64, len(data), 97), len(data) - 1]:
        with pytest.raises(NellocError):
            load_model(data[:length])
    random = np.random.default_rng(0)
    for length in (0, 7, 8, 100, 5000):
        with pytest.raises(NellocError):
            load_model(random.bytes(length))
