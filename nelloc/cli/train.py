"""`nelloc train`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nelloc.cli.common import Printer, needs_torch, one_line, options, print_json, progress_bar, reporting
from nelloc.cli.parameters import WORKERS, Name, Size, finite
from nelloc.cli.train_pair import SHAPE, train_pair
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from nelloc.training.loop import Listener, Trainer
    from nelloc.training.processes import Processes

_BAR = "{percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} Mpx [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"
# Written out so that --help does not import torch; a test keeps them true.
SHAPE_NAMES = (
    "fast",
    "default",
    "high",
    "fast-gray",
    "default-gray",
    "high-gray",
    "thesis-r0",
    "thesis-r1",
    "thesis-r3",
)
AUGMENTATION_NAMES = ("rotate", "channels", "brightness")
DEFAULT_MEMORY = 4096
DEFAULT_MEGAPIXELS = 100.0
# Validations of a run, if not asked for otherwise, and the most pixels between two of them.
_VALIDATIONS, _MOST_BETWEEN = 20, 20_000_000


# Largest seed that torch takes, and largest batch whose inputs fit into some gigabytes.
_MOST_SEED, _MOST_BATCH = 2**63 - 1, 1 << 24


_POSITIVE = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True)
class TrainOptions:
    """Options of `nelloc train`; None for those that were not given."""

    data: tuple[str, ...]
    out: Path
    model: str | None
    init: str | None
    resume: bool
    megapixels: float | None
    batch: int | None
    learning_rate: float | None
    seed: int | None
    augment: tuple[str, ...]
    memory: int | None
    validate_every: float | None
    workers: int

    @property
    def folders(self) -> tuple[str, ...]:
        """Absolute names of ``data``, since a run may be resumed from another folder."""
        return tuple(str(Path(folder).absolute()) for folder in self.data)

    def check(self) -> None:
        """Raise click.UsageError for options that do not go together."""
        fixed = {"--model": self.model, "--init": self.init, "--batch": self.batch, "--seed": self.seed}
        given = [name for name, value in fixed.items() if value is not None]
        if self.resume and given:
            raise click.UsageError(f"{given[0]} cannot be used with --resume: the checkpoint says it")
        if not self.resume and not self.data:
            raise click.UsageError("give --data FOLDER, or --resume")
        if self.model is not None and self.init is not None:
            raise click.UsageError("--model cannot be used with --init: the model that is started from has its shape")

    def check_pair(self, ood: bool, size: tuple[int, int] | None) -> None:
        """Raise click.UsageError for options that do not go with --ood, or without it."""
        if not ood and size is not None:
            raise click.UsageError("--size is for --ood")
        if self.resume and size is not None:
            raise click.UsageError("--size cannot be used with --resume: the run remembers it")
        wrong = {"--init": self.init, "--augment": self.augment, "--memory": self.memory}
        given = [name for name, value in wrong.items() if value]
        if ood and given:
            raise click.UsageError(f"{given[0]} cannot be used with --ood")


@click.command(short_help="Train a model on folders of images.")
@click.option(
    "--data", metavar="FOLDER", multiple=True, help="Folder of images to train on, with all below it. May be repeated."
)
@click.option(
    "--model",
    metavar="CONFIG",
    help=f"Shape of the network: {', '.join(SHAPE_NAMES)}, or spelled: width=256,blocks=0,horizon=3,components=10.  "
    "[default: default]",
)
@click.option("--out", metavar="DIR", type=Name(path_type=Path), required=True, help="Folder of the run.")
@click.option("--init", metavar="NAME|PATH", help="Start from this integer model instead of from random weights.")
@click.option("--resume", is_flag=True, help="Go on with the run in DIR.")
@click.option(
    "--megapixels",
    type=_POSITIVE,
    callback=finite,
    help=f"Length of the run, in millions of pixels drawn.  [default: {DEFAULT_MEGAPIXELS:g}]",
)
@click.option(
    "--batch", type=click.IntRange(1, _MOST_BATCH), help="Pixels per step, of all processes.  [default: 4096]"
)
@click.option(
    "--learning-rate", type=click.FloatRange(0, 1000, min_open=True), callback=finite, help="[default: 0.002]"
)
@click.option("--seed", type=click.IntRange(0, _MOST_SEED), help="Seed of everything random.  [default: 1]")
@click.option(
    "--augment",
    type=click.Choice(AUGMENTATION_NAMES),
    multiple=True,
    help="Vary the images besides mirroring them: turn by 90 degrees, permute channels, shift brightness. "
    "May be repeated.",
)
@click.option(
    "--memory",
    metavar="MIB",
    type=click.IntRange(min=1),
    help=f"Memory for images. What does not fit is read again and again, in random order.  [default: {DEFAULT_MEMORY}]",
)
@click.option(
    "--validate-every",
    metavar="MPX",
    type=_POSITIVE,
    callback=finite,
    help="Millions of pixels between validations, each of which also saves.  "
    "[default: a twentieth of the run, at most 20]",
)
@click.option("--workers", type=WORKERS, default=1, show_default=True, help="Processes that draw the pixels.")
@click.option(
    "--ood",
    is_flag=True,
    help="Train a pair for ood-score: a local model and a full PixelCNN of whole images, all of the size and mode of "
    f"the first. --model then spells the full one.  [default: {SHAPE}]",
)
@click.option(
    "--size",
    type=Size(),
    metavar="WIDTHxHEIGHT",
    help="With --ood: resize all images, and convert them to the mode of the first; else they must be alike.",
)
@options("device", "threads", "json", "quiet", "verbose")
def train(ood, size, device, threads, as_json, quiet, verbose, **fields):
    """Train a model on folders of images.

    DIR gets checkpoint.safetensors, checkpoint.json (settings and the log of validations), curve.png and in the
    end model.nlm, which compress takes as --model. One file in 25, chosen by its name, is held out for validation.
    With --ood it gets local/, full/ and pair.safetensors, which ood-score takes as --model.
    Ctrl-C saves; --resume goes on. On several GPUs or machines, and with several processes on one:

    \b
    torchrun --nproc-per-node 2 -m nelloc train ...

    Exit status: 0 trained to the end, 1 failed or stopped, 2 wrong usage.
    """  # noqa: D301
    asked = TrainOptions(**fields)
    asked.check()
    asked.check_pair(ood, size)
    with reporting():
        needs_torch("nelloc train")
        import torch

        from nelloc.training.processes import joined
        from nelloc.training.run import check_free, folder_data, run

        if threads:
            torch.set_num_threads(threads)
        if not asked.resume:
            check_free(asked.out)
        with joined(device) as processes:
            printer = Printer(quiet or not processes.writes, verbose)
            if ood:
                train_pair(asked, size, processes, printer, _listening, _every, as_json)
                return
            trainer = _trainer(asked, processes)
            if trainer.data is None:
                raise NellocError(f"{asked.out}: was not trained on folders that it remembers; give --data")
            network = trainer.coded().config
            with _listening(trainer, printer) as listener:
                source, validation = folder_data(trainer.data, network, trainer.data_seed, listener.message)
                every = _every(asked, trainer)
                model = run(
                    trainer, source, validation, asked.out, every=every, workers=asked.workers, listener=listener
                )
        if model is None:
            return
        last = trainer.history[-1]
        rates = {name.removesuffix("_bpd"): value for name, value in last.items() if name.endswith("_bpd")}
        path = asked.out / "model.nlm"
        if as_json:
            print_json({"model": str(path), "id": model.id.hex(), "megapixels": last["megapixels"], "bpd": rates})
        else:
            printer.remark(f"{path}: model {model.id.hex()}, {model.size} bytes")


def _trainer(asked: TrainOptions, processes: Processes) -> Trainer:
    from dataclasses import replace

    from nelloc.exact import model_store
    from nelloc.training.folder import DataConfig
    from nelloc.training.loop import Trainer, TrainingConfig
    from nelloc.training.shapes import parse_shape

    pixels = None if asked.megapixels is None else max(1, round(asked.megapixels * 1e6))
    memory = None if asked.memory is None else asked.memory << 20
    if asked.resume:
        trainer = Trainer.resume(asked.out, pixels=pixels, learning_rate=asked.learning_rate, processes=processes)
        if trainer.data is None and asked.data:
            trainer.data = DataConfig(())
        if trainer.data is not None:
            trainer.data = replace(
                trainer.data,
                folders=asked.folders or trainer.data.folders,
                memory=memory or trainer.data.memory,
                augment=asked.augment or trainer.data.augment,
            )
        return trainer
    network = None
    shape = parse_shape("default" if asked.model is None else asked.model)
    if asked.init is not None:
        from nelloc.training.networks.export import restore

        network = restore(model_store.find(asked.init))
        shape = network.config
    pixels = pixels or round(DEFAULT_MEGAPIXELS * 1e6)
    defaults = TrainingConfig()
    rate = asked.learning_rate or defaults.learning_rate
    config = TrainingConfig(
        network=shape,
        pixels=pixels,
        batch=asked.batch or defaults.batch,
        learning_rate=rate,
        matrix_rate=defaults.matrix_rate * rate / defaults.learning_rate,
        warm_up=min(defaults.warm_up, pixels // 20),
        seed=defaults.seed if asked.seed is None else asked.seed,
    )
    data = DataConfig(asked.folders, memory or DEFAULT_MEMORY << 20, tuple(sorted(set(asked.augment))))
    return Trainer(config, network=network, data=data, processes=processes)


def _every(asked: TrainOptions, trainer: Trainer) -> int:
    """Number of pixels between validations."""
    if asked.validate_every is not None:
        pixels = round(asked.validate_every * 1e6)
    else:
        pixels = min(_MOST_BETWEEN, trainer.config.pixels // _VALIDATIONS)
    return max(pixels, trainer.config.batch)


@contextmanager
def _listening(trainer: Trainer, printer: Printer) -> Iterator[Listener]:
    """Progress as a bar on a terminal, and a line for each validation; both on standard error."""
    from nelloc.training.loop import Listener

    total, seen = trainer.config.pixels / 1e6, trainer.seen / 1e6
    bar = progress_bar(
        printer, total=total, initial=seen, unit="Mpx", bar_format=_BAR, mininterval=0.5, leave=True, delay=0
    )
    with bar:

        def say(text: str) -> None:
            if not printer.quiet and sys.stderr is not None:
                bar.write(one_line(text), file=sys.stderr)

        class Bar(Listener):
            def advance(self, steps: int = 1, remark: str = "") -> None:
                bar.set_postfix_str(remark, refresh=False)
                bar.update(min(steps / 1e6, total - bar.n))

            def message(self, text: str) -> None:
                say(f"nelloc: {text}")

            def report(self, row: dict[str, float]) -> None:
                rates = [f"{name.removesuffix('_bpd')} {row[name]:.4f}" for name in row if name.endswith("_bpd")]
                line = f"{row['megapixels']:.5g} Mpx: {', '.join(rates)} bpd"
                if printer.verbose:
                    line += f"; {row['megapixels_per_second']:.3f} Mpx/s, learning rate {row['learning_rate']:.2g}"
                say(line)

        yield Bar()
