"""Ways of adapting a model to one photograph: savings of each, its model included.

    python scripts/search_adapt.py --data ../shared/data --out benchmarks/results/search_adapt

On held-out photographs that the shipped models were not trained on; each also as a camera with a colour filter array
would have stored it, which the models have hardly seen: two of three channels of each pixel are interpolated from its
neighbours. Photographs are coded by the resulting integer model of each way, whose last two layers learn; the model's
bytes are those of its differences (docs/FORMAT.md, section 8). Writes OUT.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from train_shipped import HOLD_OUT

from nelloc.bench import markdown
from nelloc.codec.effort import photograph_tile
from nelloc.codec.encode import encode_pixels
from nelloc.codec.options import EncodeOptions
from nelloc.exact import backends, model_store
from nelloc.exact.context import INPUT_STEPS
from nelloc.exact.encode_tile import encode_learning
from nelloc.exact.engine import Engine
from nelloc.exact.learning import LEARNED_BITS
from nelloc.exact.model import ExactModel, load_model
from nelloc.exact.model_delta import Adapted, encode_differences
from nelloc.exact.two_layers import MORE_BITS, TwoLayers
from nelloc.image import from_array
from nelloc.training.adapt.encode import PIXELS_PER_MINUTE
from nelloc.training.adapt.finetune import BETAS, AdaptSettings, Tuned, Tuning, bits
from nelloc.training.adapt.pixels import TilePool, TileSampler
from nelloc.training.adapt.trials import ROUNDS as ROUND_LENGTHS
from nelloc.training.batches import BatchMaker
from nelloc.training.data import image_paths
from nelloc.training.networks.export import export, restore
from nelloc.training.networks.local import LocalNetwork, _RoundActivation, round_weights, weight_limit

TILE = photograph_tile(True)  # as the program adapts and, where the network learns, codes
# Parts of a tile with weights that were learned by its middle; parts in a batch; rounds, before each of which the codec
# learns anew.
PARTS, MIXED, ROUNDS = 12, 8, 2

Planes = NDArray[np.uint8]
# A way to adapt: a model, and the bytes that it takes.
Way = Callable[[Planes, ExactModel, AdaptSettings], tuple[ExactModel, int]]


def differences(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, int]:
    """Adapt as nelloc does."""
    adapted = Tuning([planes], base, TILE, plan).once()
    return adapted.model, len(adapted.stored)


def changed(planes: Planes, base: ExactModel, plan: AdaptSettings, **fields: float) -> tuple[ExactModel, int]:
    """Adapt with other settings."""
    return differences(planes, base, replace(plan, **fields))


def dearer(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, int]:
    return changed(planes, base, plan, price=2.5 * plan.price)


def shorter(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, int]:
    """Adapt for as long as the first round takes."""
    return changed(planes, base, plan, pixels=round(ROUND_LENGTHS[0] * plan.pixels))


@dataclass(frozen=True)
class Learned:
    """Weights learned by the codec by the middle of each part of a tile, as numbers (parts, rows, units + 1).

    ``part`` is that of each pixel in raster order.
    """

    hidden: Tensor
    last: Tensor
    part: NDArray[np.int64]

    @classmethod
    def of(cls, model: ExactModel, planes: Planes) -> Learned:
        """Code a tile and look at its learner."""
        shear = model.horizon + 1
        rows, columns = np.indices(planes.shape[1:])
        step = (rows * shear + columns).ravel()
        bounds = np.linspace(0, step.max() + 1, PARTS + 1).round().astype(int)
        middles = set((bounds[:-1] + bounds[1:]) // 2)
        seen: list[tuple[NDArray, NDArray]] = []

        class Watched(TwoLayers):
            count = 0

            def learn(self, lesson, slices):
                super().learn(lesson, slices)
                if self.count in middles:
                    seen.append((self._of_hidden.averages[0], self._of_last.averages[0]))
                self.count += 1

        evaluator = backends.prepare(Engine.evaluated(model, 2), "numpy")
        engine = replace(Engine.of(model, evaluator, learns=2), learner=partial(Watched, model))
        encode_learning(engine, [planes], [0])
        hidden, last = (np.stack(each) * 2.0 ** -(LEARNED_BITS + MORE_BITS) for each in zip(*seen, strict=True))
        part = np.searchsorted(bounds, step, side="right") - 1
        return cls(torch.from_numpy(hidden).float(), torch.from_numpy(last).float(), part)


def knowing_what_is_learned(planes: Planes, base: ExactModel, plan: AdaptSettings) -> tuple[ExactModel, int]:
    """Adapt by the likelihood with the weights that the codec has learned at each place, as it codes."""
    network = restore(base, "model", fixed_steps=True)
    plain = export(network)
    pool = TilePool.of([planes], TILE, seed=plan.seed)
    tuned = Tuned(network, plan, pool.total)
    sampler, maker = TileSampler(pool, base.horizon, plan.seed), BatchMaker(network.config)
    optimiser = torch.optim.Adam(tuned.moving.values(), lr=plan.learning_rate, betas=BETAS)
    random = np.random.default_rng(plan.seed)
    learned = Learned.of(base, planes)
    for step in range(plan.steps):
        if step and step % -(-plan.steps // ROUNDS) == 0:
            learned = Learned.of(load_model(export(tuned.rounded())), planes)
        share = np.bincount(learned.part, minlength=PARTS) / len(learned.part)
        parts = random.choice(PARTS, MIXED, p=share)
        pixels = [random.choice(np.flatnonzero(learned.part == part), plan.batch // MIXED) for part in parts]
        drawn = sampler.at(np.concatenate(pixels))
        batch = maker(drawn.context, drawn.value, drawn.borders)
        rate = plan.rate_at(step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        outputs = _with(network, tuned.straight_through(), batch.inputs, learned.hidden[parts], learned.last[parts])
        bits(outputs, batch, torch.from_numpy(drawn.gray), network.config).mean().backward()
        optimiser.step()
        tuned.shrink(optimiser, step, rate)
    model = export(tuned.rounded())
    return load_model(model), len(encode_differences(plain, model))


def _with(network: LocalNetwork, weights: dict[str, Tensor], x: Tensor, hidden: Tensor, last: Tensor) -> Tensor:
    """Outputs for inputs (N, features), with learned changes of the two last layers for each N // MIXED of them."""
    count = len(network.linear)
    changes = {count - 2: hidden, count - 1: last}
    fractions = network.fraction_bits
    assert fractions is not None
    x = x * (1 / INPUT_STEPS)
    for index in range(count):
        weight = round_weights(weights[f"layers.{index}.weight"], weight_limit(index), fractions[index])
        y = torch.nn.functional.linear(x, weight, weights[f"layers.{index}.bias"])
        if index in changes:
            change, given = changes[index], x.reshape(MIXED, -1, x.shape[1])
            y = y + (torch.bmm(given, change[:, :, :-1].transpose(1, 2)) + change[:, None, :, -1]).reshape(y.shape)
        x = y if index == count - 1 else _RoundActivation.apply(y)
    return x


WAYS: dict[str, Way] = {
    "all layers, as the program has it": differences,
    "an eighth as long": shorter,
    "differences are taken to cost 2.5 times as much": dearer,
    "the last layer stays as it is": partial(changed, kept=1),
    "the last two layers stay as they are": partial(changed, kept=2),
    "all layers, with what the codec has learned at each place": knowing_what_is_learned,
}


def filtered(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph as a camera takes it: one channel of each pixel (RGGB), the others from neighbours, bilinearly."""
    rows, columns = np.indices(photograph.shape[:2]) % 2
    found = np.empty(photograph.shape)
    for channel in range(3):
        known = (rows + columns == channel).astype(float)
        found[:, :, channel] = _blurred(known * photograph[:, :, channel]) / _blurred(known)
    return np.floor(found + 0.5).astype(np.uint8)


def _blurred(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    wide = np.pad(plane, 1, mode="reflect")
    wide = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    return wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=0.4)
    parser.add_argument("--count", type=int, default=1, help="photographs of cameras")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    base = model_store.find(model_store.DEFAULT_MODEL)
    paths = image_paths(asked.data / "train-natural")[HOLD_OUT // 2 :: HOLD_OUT]
    paths = [path for path in paths if path.name.startswith("cam")][: asked.count]
    photographs = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    kinds = {"as they are": photographs, "filtered": [filtered(photograph) for photograph in photographs]}
    plan = AdaptSettings(round(asked.minutes * PIXELS_PER_MINUTE))
    lines = [
        f"# Ways to adapt `{model_store.DEFAULT_MODEL}` ({base.id.hex()}) to one photograph",
        "",
        f"Made by `python scripts/search_adapt.py --data ../shared/data --out OUT --minutes {asked.minutes:g} "
        f"--count {asked.count}`: {len(photographs)} of the held-out photographs of cameras, each with a model "
        "of its own, as they are, and as if taken through a colour filter array. Two layers learn while "
        "coding. Bits per dimension (bpd); seconds of one core for adapting.",
        "",
        *markdown.head(["photographs", "way", "pixels", "model, bytes of each", "in all", "saved", "seconds"]),
    ]
    for kind, arrays in kinds.items():
        samples = sum(array.size for array in arrays)
        whole = sum(_coded(array, base, base) for array in arrays)
        plain = f"{8 * whole / samples:.4f}"
        _add(lines, [kind, "the shipped model", plain, 0, plain, None, None])
        for name, way in WAYS.items():
            start, pixels, size = time.process_time(), 0, 0
            made = [way(np.ascontiguousarray(array.transpose(2, 0, 1)), base, plan) for array in arrays]
            seconds = time.process_time() - start
            for array, (model, model_bytes) in zip(arrays, made, strict=True):
                pixels, size = pixels + _coded(array, base, model), size + model_bytes
            rates = [f"{8 * count / samples:.4f}" for count in (pixels, pixels + size)]
            saved = f"{1 - (pixels + size) / whole:.1%}"
            _add(lines, [kind, name, rates[0], f"{size / len(arrays):.0f}", rates[1], saved, f"{seconds:.0f}"])
            asked.out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def _add(lines: list[str], cells: list[object]) -> None:
    lines.append(markdown.row(cells))
    print(lines[-1], flush=True)


def _coded(photograph: NDArray[np.uint8], base: ExactModel, model: ExactModel) -> int:
    """Bytes of a photograph's file, without its model."""
    adapted = {base.id: Adapted(model, b"")}
    (file,) = encode_pixels([from_array(photograph)], EncodeOptions(threads=1), verify=False, adapted=adapted)
    return len(file.data)


if __name__ == "__main__":
    main()
