"""The optimisers of a network are saved and taken back whole."""

import pytest

torch = pytest.importorskip("torch")

from nelloc.training.networks.local import LocalConfig, LocalNetwork  # noqa: E402
from nelloc.training.optimiser import Optimisers  # noqa: E402


@pytest.mark.parametrize("matrix_rate", [0.0, 0.02])
def test_what_is_taken_back_goes_on_as_what_was_saved(matrix_rate):
    torch.manual_seed(2)
    first = LocalNetwork(LocalConfig(width=6, components=2, horizon=2))
    inputs = torch.randint(-384, 385, (40, first.linear[0].in_features)).float()

    def step(network, optimisers):
        network.zero_grad()
        network(inputs).square().mean().backward()
        optimisers.step(0.5)

    optimisers = Optimisers(first, 1e-2, matrix_rate, 1e-4)
    for _ in range(3):
        step(first, optimisers)
    second = LocalNetwork(first.config)
    second.load_state_dict(first.state_dict())
    resumed = Optimisers(second, 1e-2, matrix_rate, 1e-4)
    resumed.load({name: tensor.clone() for name, tensor in optimisers.state().items()})
    step(first, optimisers)
    step(second, resumed)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
