"""Grown networks give the outputs of those that they are made of."""

import pytest

torch = pytest.importorskip("torch")

from nelloc import NellocError  # noqa: E402
from nelloc.exact.model import load_model  # noqa: E402
from nelloc.training.networks.export import export, restore  # noqa: E402
from nelloc.training.networks.grow import merge, with_borders  # noqa: E402
from nelloc.training.networks.local import LocalConfig, LocalNetwork  # noqa: E402


@pytest.mark.parametrize("channels", [1, 3])
def test_outputs_are_those_of_both(channels):
    torch.manual_seed(3)
    shallow = LocalNetwork(LocalConfig(width=7, components=2, channels=channels, horizon=2))
    deep = LocalNetwork(LocalConfig(width=5, components=3, depth=3, channels=channels, horizon=2))
    merged = merge(deep, shallow)
    assert (merged.config.width, merged.config.components, merged.config.depth) == (12, 5, 3)
    inputs = torch.randint(-384, 385, (50, merged.linear[0].in_features)).float()
    kinds = 10 if channels == 3 else 3
    parts = [network(inputs).reshape(50, kinds, -1) for network in (shallow, deep)]
    torch.testing.assert_close(merged(inputs).reshape(50, kinds, -1), torch.cat(parts, 2), rtol=0, atol=1e-5)
    model = load_model(export(merged))
    assert restore(model).config == merged.config


def test_distances_to_borders_change_nothing_at_first():
    torch.manual_seed(3)
    network = LocalNetwork(LocalConfig(width=9, components=2, blocks=1))
    grown = with_borders(network)
    inputs = torch.randint(-384, 385, (50, network.linear[0].in_features)).float()
    distances = torch.randint(0, 4, (50, 3)).float() * 64
    assert torch.equal(grown(torch.cat([inputs, distances], 1)), network(inputs))
    assert load_model(export(grown)).borders


def test_other_kinds_are_refused():
    network = LocalNetwork(LocalConfig(width=4, components=2))
    for other in ({"channels": 1}, {"horizon": 2}, {"joint": False}, {"blocks": 1}):
        with pytest.raises(NellocError, match="differ in the kind"):
            merge(network, LocalNetwork(LocalConfig(width=4, components=2, **other)))
