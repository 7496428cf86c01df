"""Variants of learning while coding, in floating point: the rule of docs/methods/learning.md, section 13, and others.

    python scripts/search_learning.py --data ../shared/data --model default --out benchmarks/results/learning-default

On tiles of held-out photographs, which no shipped model was trained on. Each variant starts anew in each tile, and a
step of the wavefront is coded before it is learned from. Writes OUT.md: bits per dimension, and the difference to the
model without learning.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from train_shipped import HOLD_OUT

from nelloc.bench import markdown
from nelloc.exact import model_store
from nelloc.exact.context import INPUT_STEPS, Normaliser, border_distances, context_sources, standard_activity
from nelloc.exact.learning import USED_BITS
from nelloc.exact.wavefront import wavefront_order
from nelloc.training.data import image_paths
from nelloc.training.networks.export import restore
from nelloc.training.networks.local import round_weights, weight_limit
from nelloc.training.networks.mixture import UNIFORM_WEIGHT, log_likelihood

SIDE = 256
PHOTOGRAPHS = ("unsplash", "cam", "imagenet", "bsds")
# Number of held-out photographs of each source.
EACH = 3
GROUPS = ("logit", "mean", "scale", "coefficient")


@dataclass(frozen=True)
class Tile:
    """Tile in coding order: inputs of the last layer (N, width), values, base, activity, and the starts of steps."""

    hidden: Tensor
    value: Tensor
    base: Tensor
    activity: Tensor
    starts: list[int]


@dataclass(frozen=True)
class Variant:
    """Settings of a learning rule.

    ``rates`` of the four groups of outputs, relative to ``rate``. With ``by_unit`` each unit's rate is divided by its
    root mean square so far, to a power of two. Learning waits for ``least`` pixels. With ``rounded`` the weights used
    are rounded as in the format. With ``adam`` it is Adam, with betas 0.9 and 0.99.
    """

    name: str
    rate: float = 2.0**-13
    rates: tuple[float, float, float, float] = (2, 1, 1, 0.5)
    by_unit: bool = True
    least: int = 1
    rounded: bool = True
    adam: bool = False


VARIANTS = (
    Variant("as in the format"),
    Variant("logits only", rates=(2, 0, 0, 0)),
    Variant("means only", rates=(0, 1, 0, 0)),
    Variant("scales only", rates=(0, 0, 1, 0)),
    Variant("logits and means", rates=(2, 1, 0, 0)),
    Variant("no coefficients", rates=(2, 1, 1, 0)),
    Variant("the same rate for all groups", rates=(1, 1, 1, 1)),
    Variant("half the rate", rate=2.0**-14),
    Variant("twice the rate", rate=2.0**-12),
    Variant("one rate for all units", by_unit=False),
    Variant("from 128 pixels at a time", least=128),
    Variant("from 256 pixels at a time", least=256),
    Variant("weights not rounded", rounded=False),
    Variant("Adam, 2e-4", rate=2e-4, rates=(1, 1, 1, 1), adam=True, rounded=False, least=48),
)


class Experiment:
    """One model and its tiles."""

    def __init__(self, name: str, data: Path):
        self.model = model_store.find(name)
        self.network = restore(self.model, name)
        self.last = self.network.linear[-1]
        final = len(self.network.linear) - 1
        self.last.weight.data = round_weights(self.last.weight.data, weight_limit(final))
        self.components = self.model.components
        paths = image_paths(data / "train-natural")[HOLD_OUT // 2 :: HOLD_OUT]
        chosen = [[p for p in paths if p.name.startswith(source)] for source in PHOTOGRAPHS]
        self.tiles = [self.tile(path) for found in chosen for path in found[:EACH]]

    def tile(self, path: Path) -> Tile:
        """Crop the corner of a photograph."""
        model = self.model
        image = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)[:, :SIDE, :SIDE]
        planes, height, width = image.shape
        order, sources = context_sources(height, width, model.horizon)
        normaliser = Normaliser(model.horizon, model.context, model.channels, model.inputs, model.borders)
        pixels = image.reshape(planes, -1)
        first = np.full((planes, 1), normaliser.first_pixel)
        quarters = np.concatenate([pixels, first], axis=1).astype(np.float32) * 4
        context = np.ascontiguousarray(quarters[:, sources].transpose(1, 0, 2))
        distances = border_distances(*np.divmod(order, width), width, model.horizon)
        normalised = normaliser(context, distances)
        activity = np.array(standard_activity(len(model.context.thresholds)), np.float32)[normalised.level]
        return Tile(
            self.hidden(torch.from_numpy(normalised.inputs.T.copy())),
            torch.from_numpy(pixels[:, order].T.astype(np.float32)),
            torch.from_numpy(normalised.base.T / 4),
            torch.from_numpy(activity),
            [int(start) for start in wavefront_order(height, width, model.horizon)[1]],
        )

    def hidden(self, inputs: Tensor) -> Tensor:
        """Inputs of the last layer: outputs of the network without it."""
        x = inputs * (1 / INPUT_STEPS)
        outputs: list[Tensor] = []
        with torch.no_grad():
            for index, skip in enumerate(self.network.config.skips[:-1]):
                x = self.network._product(self.network.linear[index], x, index)
                x = self.network._activate(x if skip is None else x + outputs[skip])
                outputs.append(x)
        return x

    def bpd(self, learn: Callable[[Tile], float]) -> float:
        """Bits per dimension of all tiles, given the nats of each."""
        nats = sum(learn(tile) for tile in self.tiles)
        return nats / (math.log(2) * sum(tile.value.numel() for tile in self.tiles))

    def as_it_is(self, tile: Tile) -> float:
        with torch.no_grad():
            outputs = self.last(tile.hidden)
            return -float(log_likelihood(outputs, tile.value, tile.base, tile.activity).sum())

    def learned(self, tile: Tile, variant: Variant) -> float:
        """Nats of a tile whose pixels are learned from, step by step."""
        weight, bias = (parameter.detach().clone() for parameter in (self.last.weight, self.last.bias))
        change, change_of_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        k, outputs = self.components, len(bias)
        counts = [k, 3 * k, 3 * k, outputs - 7 * k]
        rates = torch.repeat_interleave(torch.tensor(variant.rates, dtype=torch.float32), torch.tensor(counts))
        optimiser = torch.optim.Adam([change, change_of_bias], lr=variant.rate, betas=(0.9, 0.99))
        squares, pixels, nats = torch.full((weight.shape[1],), 3.2), 64, 0.0
        begin = 0
        for end in tile.starts[1:]:
            if end - begin < variant.least and end != tile.starts[-1]:
                continue
            part, begin = slice(begin, end), end
            step = [array[part] for array in (tile.hidden, tile.value, tile.base, tile.activity)]
            used = [self.rounded(array) if variant.rounded else array for array in (change, change_of_bias)]
            out = step[0] @ (weight + used[0]).T + bias + used[1]
            nats -= float(log_likelihood(out, *step[1:]).sum())
            gradient = gradients(out, *step[1:]) * rates
            squares += (step[0] ** 2).sum(0)
            pixels += len(gradient)
            if variant.adam:
                change.grad, change_of_bias.grad = -(gradient.T @ step[0]) / len(gradient), -gradient.mean(0)
                optimiser.step()
                continue
            factor = variant.rate * (2.0 ** -torch.round(torch.log2(squares / pixels) / 2) if variant.by_unit else 1.0)
            change += (gradient.T @ step[0]) * factor
            change_of_bias += gradient.sum(0) * variant.rate
        return nats

    @staticmethod
    def rounded(array: Tensor) -> Tensor:
        return torch.round(array * 2**USED_BITS).clamp(-127, 127) / 2**USED_BITS


def gradients(outputs: Tensor, value: Tensor, base: Tensor, activity: Tensor) -> Tensor:
    """Gradients (N, outputs) of section 13, not rounded and in units of 1."""
    n, k = len(value), outputs.shape[1] // 10
    log_weight = torch.log_softmax(outputs[:, :k], dim=1)
    mean, log_scale, coefficient = outputs[:, k:].reshape(n, 3, 3, k).unbind(1)
    deviation = value - base
    scale = (torch.exp2(log_scale) * activity[:, None, None]).clamp(2.0**-5, 2.0**7)
    red, green = deviation[:, 0, None], deviation[:, 1, None]
    linear = [0 * red, coefficient[:, 0] * red, coefficient[:, 1] * red + coefficient[:, 2] * green]
    linear[0] = linear[0].expand(n, k)
    distance = deviation[:, :, None] - mean * activity[:, None, None] - torch.stack(linear, dim=1)
    above, below = (distance + 0.5) / scale, (distance - 0.5) / scale
    upper, lower = torch.sigmoid(above), torch.sigmoid(below)
    upper = torch.where((value == 255)[:, :, None], 1.0, upper)
    lower = torch.where((value == 0)[:, :, None], 0.0, lower)
    probability = (upper - lower).clamp_min(1e-7) + UNIFORM_WEIGHT / 256
    posterior = torch.softmax(torch.log(probability).sum(1) + log_weight, dim=1)
    pull = posterior[:, None] * (upper + lower - 1)
    stretch = (below * lower * (1 - lower) - above * upper * (1 - upper)) / probability
    relative = (deviation / activity[:, None]).clamp(-4, 4)[:, :, None]
    along = torch.stack([pull[:, 1] * relative[:, 0], pull[:, 2] * relative[:, 0], pull[:, 2] * relative[:, 1]], dim=1)
    parts = (pull, posterior[:, None] * stretch.clamp(-1, 3), along)
    return torch.cat([posterior - torch.exp(log_weight), *(part.reshape(n, -1) for part in parts)], dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=model_store.DEFAULT_MODEL)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    experiment = Experiment(asked.model, asked.data)
    plain = experiment.bpd(experiment.as_it_is)
    pixels = sum(len(tile.value) for tile in experiment.tiles)
    lines = [
        f"# What `{asked.model}` ({experiment.model.id.hex()}) learns while it codes",
        "",
        f"Made by `python scripts/search_learning.py --data ../shared/data --model {asked.model} --out OUT`: "
        f"{len(experiment.tiles)} tiles of held-out photographs, {pixels / 1e6:.2f} megapixels, in floating point.",
        "",
        *markdown.head(["variant", "bpd", "difference"]),
        markdown.row(["the model as it is", f"{plain:.4f}", None]),
    ]
    print(lines[-1], flush=True)
    for variant in VARIANTS:
        with torch.no_grad():
            found = experiment.bpd(lambda tile, variant=variant: experiment.learned(tile, variant))
        lines.append(markdown.row([variant.name, f"{found:.4f}", f"{found - plain:+.4f}"]))
        print(lines[-1], flush=True)
        asked.out.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
