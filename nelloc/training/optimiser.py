"""Optimisers: Muon for the hidden layers' matrices, AdamW for the last layer and the biases.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") moves a matrix by its
orthogonalised momentum. In the first megapixels it is far ahead of AdamW on these small networks (docs/MODELS.md); in
long runs the two come close.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nelloc.training.networks.full import FullNetwork
from nelloc.training.networks.local import LocalNetwork

Optimiser = torch.optim.Optimizer


class Optimisers:
    """Both optimisers of one network.

    ``rate`` is AdamW's peak learning rate, ``matrix_rate`` Muon's; with a ``matrix_rate`` of 0, AdamW moves all.
    ``second_moment`` is the share of AdamW's mean of squared gradients that a step keeps.
    """

    def __init__(
        self,
        network: LocalNetwork | FullNetwork,
        rate: float,
        matrix_rate: float,
        weight_decay: float,
        second_moment: float = 0.99,
    ):
        matrices = network.matrices if matrix_rate else []
        others = [p for p in network.parameters() if all(p is not matrix for matrix in matrices)]
        self._parts: dict[str, tuple[Optimiser, float]] = {
            "adamw": (torch.optim.AdamW(others, rate, (0.9, second_moment), weight_decay=weight_decay), rate)
        }
        if matrices:
            muon = torch.optim.Muon(matrices, lr=matrix_rate, weight_decay=weight_decay)
            self._parts["muon"] = muon, matrix_rate

    def step(self, share: float) -> None:
        """Move the weights by their gradients, at ``share`` of the peak rates."""
        for optimiser, rate in self._parts.values():
            for group in optimiser.param_groups:
                group["lr"] = share * rate
            optimiser.step()

    def state(self) -> dict[str, Tensor]:
        """State to be saved, by name."""
        return {
            f"{name}.{index}.{key}": value
            for name, (optimiser, _) in self._parts.items()
            for index, state in optimiser.state_dict()["state"].items()
            for key, value in state.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore the result of ``state``."""
        for name, (optimiser, _) in self._parts.items():
            whole = optimiser.state_dict()
            for key, value in tensors.items():
                part, _, rest = key.partition(".")
                if part == name:
                    index, field = rest.split(".", 1)
                    whole["state"].setdefault(int(index), {})[field] = value
            optimiser.load_state_dict(whole)
