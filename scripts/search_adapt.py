"""Variants of adapting a model to one photograph: savings of each, its model included.

    python scripts/search_adapt.py --data ../shared/data --out benchmarks/results/search_adapt

On held-out photographs that the shipped models were not trained on. Photographs are coded by the resulting integer
model of each variant; the model's bytes are those of its differences (docs/FORMAT.md, section 8), or, for products of
low rank, which the format does not support, the entropy of their factors, a lower bound. Writes OUT.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.func import functional_call
from train_shipped import HOLD_OUT

from nelloc.codec.effort import photograph_tile
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.exact import model_store
from nelloc.exact.model import ExactModel, load_model
from nelloc.exact.model_delta import Adapted
from nelloc.image import from_array
from nelloc.training.adapt.encode import PIXELS_PER_MINUTE
from nelloc.training.adapt.finetune import AdaptSettings, adapt, bits
from nelloc.training.adapt.pixels import TilePool, TileSampler
from nelloc.training.batches import BatchMaker
from nelloc.training.data import image_paths
from nelloc.training.networks.devices import bfloat16_is_faster
from nelloc.training.networks.export import export, restore

SOURCES = ("cam", "unsplash")
TILE = photograph_tile(True)  # as the program adapts and, where the network learns, codes
# Factors of a product are whole numbers of these steps.
LEFT_STEP, RIGHT_STEP = 2.0**-3, 2.0**-9

Planes = NDArray[np.uint8]
# A way to adapt: a model, and the bytes that it takes.
Way = Callable[[Planes, ExactModel, AdaptSettings], tuple[ExactModel, float]]


def shipped(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
    return base, 0.0


def differences(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
    """Adapt as nelloc does."""
    adapted = adapt([planes], base, TILE, plan)
    return adapted.model, len(adapted.stored)


def without_last_layer(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
    """Adapt all but the last layer, which learns while coding."""
    return differences(planes, base, replace(plan, last_layer=False))


def dear(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
    return differences(planes, base, replace(plan, price=1.5 * plan.price))


def dearer(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
    return differences(planes, base, replace(plan, price=2.5 * plan.price))


def longer(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
    return differences(planes, base, replace(plan, pixels=2 * plan.pixels))


@dataclass(frozen=True)
class LowRank:
    """Network in which every layer's weights change by a product of two matrices of this rank, its biases freely."""

    rank: int
    learning_rate: float = 2e-3

    def __call__(self, planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, float]:
        network = restore(base, "model", fixed_steps=True)
        network.low_precision = bfloat16_is_faster(torch.device("cpu"))
        torch.manual_seed(plan.seed)
        start = {name: tensor.detach().clone() for name, tensor in network.named_parameters()}
        factors: dict[str, tuple[Tensor, Tensor]] = {}
        biases: dict[str, Tensor] = {}
        for name, tensor in start.items():
            if tensor.ndim == 1:
                biases[name] = torch.zeros_like(tensor, requires_grad=True)
                continue
            rows, columns = tensor.shape
            left = torch.randn(rows, self.rank).div_(LEFT_STEP).round_().mul_(LEFT_STEP)
            factors[name] = left.requires_grad_(), torch.zeros(self.rank, columns, requires_grad=True)

        def now() -> dict[str, Tensor]:
            moved = {name: start[name] + _whole(bias, RIGHT_STEP) for name, bias in biases.items()}
            for name, (left, right) in factors.items():
                moved[name] = start[name] + _whole(left, LEFT_STEP) @ _whole(right, RIGHT_STEP)
            return moved

        numbers = [*biases.values(), *(factor for pair in factors.values() for factor in pair)]
        optimiser = torch.optim.Adam(numbers, betas=(0.9, 0.99))
        sampler, maker = (
            TileSampler(TilePool.of([planes], TILE), base.horizon, plan.seed),
            BatchMaker(network.config),
        )
        for step in range(plan.steps):
            drawn = sampler.draw(plan.batch)
            batch, gray = maker(drawn.context, drawn.value, drawn.borders), torch.from_numpy(drawn.gray)
            for group in optimiser.param_groups:
                group["lr"] = plan.rate_at(step) * self.learning_rate / plan.learning_rate
            optimiser.zero_grad()
            bits(functional_call(network, now(), (batch.inputs,)), batch, gray, network.config).mean().backward()
            optimiser.step()
        with torch.no_grad():
            for name, tensor in now().items():
                network.get_parameter(name).copy_(tensor)
            size = sum(_entropy(bias, RIGHT_STEP) for bias in biases.values())
            size += sum(_entropy(left, LEFT_STEP) + _entropy(right, RIGHT_STEP) for left, right in factors.values())
        return load_model(export(network)), size


def _whole(numbers: Tensor, step: float) -> Tensor:
    """Round to integers, with straight-through gradients."""
    return numbers + (torch.round(numbers.detach() / step) * step - numbers.detach())


def _entropy(numbers: Tensor, step: float) -> float:
    """Entropy of integers by their frequencies, in bytes."""
    _, counts = torch.unique(torch.round(numbers / step), return_counts=True)
    share = counts / numbers.numel()
    return float(-(counts * torch.log2(share)).sum()) / 8


WAYS: dict[str, Way] = {
    "the shipped model": shipped,
    "differences, as the program has them": differences,
    "twice as long": longer,
    "differences are taken to cost 1.5 times as much": dear,
    "2.5 times as much": dearer,
    "the last layer stays as it is": without_last_layer,
    "rank 1": LowRank(1),
    "rank 4": LowRank(4),
    "rank 16": LowRank(16),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=0.4)
    parser.add_argument("--each", type=int, default=2, help="photographs of each source")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    base = model_store.find(model_store.DEFAULT_MODEL)
    paths = image_paths(asked.data / "train-natural")[HOLD_OUT // 2 :: HOLD_OUT]
    photographs = []
    for source in SOURCES:
        found = [path for path in paths if path.name.startswith(source)][: asked.each]
        photographs += [np.asarray(Image.open(path).convert("RGB")) for path in found]
    samples = sum(photograph.size for photograph in photographs)
    plan = AdaptSettings(round(asked.minutes * PIXELS_PER_MINUTE))
    lines = [
        f"# Ways to adapt `{model_store.DEFAULT_MODEL}` ({base.id.hex()}) to one photograph",
        "",
        f"Made by `python scripts/search_adapt.py --data ../shared/data --out OUT --minutes {asked.minutes:g} "
        f"--each {asked.each}`: {len(photographs)} held-out photographs, {samples / 3e6:.2f} megapixels, each with a "
        "model of its own. Bits per dimension (bpd).",
        "",
        "| way | pixels, not learning | pixels, learning | model, bytes | in all, learning | saved |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    whole = math.nan
    for name, way in WAYS.items():
        fixed = learning = model_bytes = 0.0
        for photograph in photographs:
            model, size = way(np.ascontiguousarray(photograph.transpose(2, 0, 1)), base, plan)
            fixed += _coded(photograph, base, model, False)
            learning += _coded(photograph, base, model, True)
            model_bytes += size
        total = learning + model_bytes
        whole = whole if math.isfinite(whole) else total
        bpd = " | ".join(f"{8 * number / samples:.4f}" for number in (fixed, learning))
        model_size = f"{model_bytes / len(photographs):.0f}"
        lines.append(f"| {name} | {bpd} | {model_size} | {8 * total / samples:.4f} | {1 - total / whole:.1%} |")
        print(lines[-1], flush=True)
        asked.out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def _coded(photograph: NDArray[np.uint8], base: ExactModel, model: ExactModel, learns: bool) -> int:
    """Bytes of a photograph's file, without its model."""
    adapted = {base.id: Adapted(model, b"")}
    options = EncodeOptions(threads=1, learn=learns)
    (file,) = encode_pixels([from_array(photograph)], options, verify=False, adapted=adapted)
    return len(file.data)


if __name__ == "__main__":
    main()
