"""A network restored from an integer model is exported to the same bytes."""

import dataclasses

import numpy as np
import pytest
from materials import OTHER_KINDS, small_model_bytes

from nelloc import NellocError
from nelloc.exact import model_store
from nelloc.exact.model import load_model

pytest.importorskip("torch")

from nelloc.training.networks.export import export, restore


@pytest.mark.parametrize("name", model_store.shipped())
@pytest.mark.parametrize("fixed_steps", [False, True])
def test_a_shipped_model_comes_back_byte_for_byte(name, fixed_steps):
    data = model_store.shipped()[name].read_bytes()
    assert export(restore(load_model(data), fixed_steps=fixed_steps)) == data


@pytest.mark.parametrize("kind", [{}, *OTHER_KINDS.values()])
def test_models_of_every_kind_come_back(kind):
    data = small_model_bytes(**kind)
    assert export(restore(load_model(data), fixed_steps=True)) == data


def test_fixed_steps_stay_whatever_becomes_of_the_weights():
    model = load_model(small_model_bytes())
    network = restore(model, fixed_steps=True)
    network.linear[1].weight.data *= 0.1
    shifts = [layer.shift for layer in load_model(export(network)).layers]
    np.testing.assert_array_equal(np.concatenate(shifts), np.concatenate([layer.shift for layer in model.layers]))


def test_what_export_does_not_make_is_refused(small_model):
    layers = list(small_model.layers)
    other = [
        dataclasses.replace(small_model, layers=tuple(layers[:2] + layers[3:])),
        dataclasses.replace(small_model, layers=(*layers[:3], dataclasses.replace(layers[3], skip=1), *layers[4:])),
        dataclasses.replace(
            small_model, mixture=dataclasses.replace(small_model.mixture, exponential=np.array([1 << 16], np.int32))
        ),
        dataclasses.replace(
            small_model, layers=(layers[0], dataclasses.replace(layers[1], weight=layers[1].weight * 4), *layers[2:])
        ),
    ]
    for model in other:
        with pytest.raises(NellocError, match=r"^x: .*; use a model trained by"):
            restore(model, "x")
