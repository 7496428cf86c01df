"""`nelloc train --ood`: what it does with the options of `nelloc train`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nelloc.cli.common import Printer, print_json
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.ood.training import PairConfig
    from nelloc.training.loop import Listener, Trainer
    from nelloc.training.processes import Processes

SHAPE = "horizon=3,width=64,blocks=5,components=10"
Listening = Callable[["Trainer", Printer], AbstractContextManager["Listener"]]


def train_pair(
    asked: Any,
    size: tuple[int, int] | None,
    processes: Processes,
    printer: Printer,
    listening: Listening,
    every: Callable[[Any, Trainer], int],
    as_json: bool,
) -> None:
    """Train the local model, then the full one, and write the pair.

    ``asked`` has the options of `nelloc train`; ``listening`` and ``every`` are its bar and its rule for validations.
    """
    from nelloc.ood.training import load_images, save_settings, train_part, trainer_of, write_pair

    config = _config(asked, size)
    images = load_images(config, lambda text: printer.remark(f"nelloc: {text}"))
    if processes.writes:
        save_settings(config, asked.out, resume=asked.resume)
    trainers = {}
    for part in ("local", "full"):
        trainer = trainer_of(config, part, asked.out, learning_rate=asked.learning_rate, processes=processes)
        printer.remark(f"{part} model: {len(images[0])} images of {config.width}x{config.height}")
        with listening(trainer, printer) as listener:
            train_part(
                trainer,
                images,
                config,
                part,
                asked.out,
                every=every(asked, trainer),
                workers=asked.workers,
                listener=listener,
            )
        trainers[part] = trainer
    if not processes.writes:
        return
    path = write_pair(config, trainers, asked.out)
    rates = {part: trainer.history[-1]["held-out_bpd"] for part, trainer in trainers.items()}
    if as_json:
        print_json({"pair": str(path), "held_out_bpd": rates})
    else:
        words = ", ".join(f"{part} {rate:.4f}" for part, rate in rates.items())
        printer.remark(f"{path}: {words} bpd; nelloc ood-score --model {path}")


def _config(asked: Any, size: tuple[int, int] | None) -> PairConfig:
    from nelloc.ood.training import PairConfig, image_shape, load_settings
    from nelloc.training.networks.full import FullConfig
    from nelloc.training.shapes import parse_fields

    changes: dict[str, Any] = {}
    if asked.megapixels is not None:
        changes["pixels"] = max(1, round(asked.megapixels * 1e6))
    if asked.learning_rate is not None:
        changes["learning_rate"] = asked.learning_rate
    if asked.resume:
        config = load_settings(asked.out)
        return replace(config, **changes, folders=asked.folders or config.folders)
    folders = asked.folders
    height, width, channels = image_shape(folders)
    if channels not in (1, 3):
        raise NellocError(f"{folders[0]}: its images are neither gray nor RGB; convert them")
    if size is not None:
        width, height = size
    shape = parse_fields(asked.model or SHAPE, FullConfig(width=64, blocks=5, channels=channels))
    if asked.batch is not None:
        changes["batch"] = asked.batch
    if asked.seed is not None:
        changes["seed"] = asked.seed
    return PairConfig(folders, height, width, shape, resized=size is not None, **changes)
