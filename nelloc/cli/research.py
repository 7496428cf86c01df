"""`nelloc research`: a command for each experiment in the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from nelloc.cli.bits_back import SEED, bits_back
from nelloc.cli.common import Printer, needs, options, print_json, progress_bar, put, reporting
from nelloc.cli.parameters import Name
from nelloc.cli.table import aligned
from nelloc.codec.progress import Progress
from nelloc.research.experiment import Experiment, Length, Settings, perform
from nelloc.research.registry import AREAS, EXPERIMENTS

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}<{remaining}{postfix}]"


_EPILOG = "Exit status: 0 done, 1 failed or stopped, 2 wrong usage."


@click.group(short_help="Run the experiments of the thesis.", epilog=_EPILOG)
def research() -> None:
    """Run the experiments of the thesis.

    Each writes NAME.json, its numbers beside the thesis's, and plots. They need the extra [research].
    """


@research.command("list", short_help="List the experiments.")
@options("json")
def list_experiments(as_json: bool) -> None:
    """List the experiments."""
    with reporting():
        if as_json:
            named = ("name", "title", "data")
            print_json([{n: getattr(e, n) for n in named} | {"thesis": dict(e.thesis)} for e in EXPERIMENTS])
            return
        width = max((len(experiment.name) for experiment in EXPERIMENTS), default=0)
        for area, experiments in AREAS:
            put(area)
            for experiment in experiments:
                put(f"  {experiment.name:{width}}  {experiment.title}")


def _width(experiment: Experiment) -> Callable[[Any], Any]:
    """Add the option of an experiment, if it has one."""
    if not experiment.has_width:
        return lambda command: command
    return click.option(
        "--width",
        metavar="N",
        type=click.IntRange(min=1),
        help="Units or channels of the hidden layers, for a machine that is too slow for the thesis's networks.",
    )


def command_of(experiment: Experiment) -> click.Command:
    """Make the command that runs an experiment."""
    data = f" It has {', '.join(experiment.data)}." if experiment.data else "  [not used]"
    epochs = "" if experiment.trains else "  [not used]"

    @click.command(experiment.name, help=f"{experiment.title}.", short_help=experiment.title, epilog=_EPILOG)
    @click.option("--seed", type=SEED, default=1, show_default=True, help="Seed of everything random.")
    @click.option("--epochs", type=click.IntRange(min=1), help=f"Length of the training.{epochs}")
    @click.option(
        "--data",
        metavar="FOLDER",
        envvar="NELLOC_DATA",
        type=Name(path_type=Path),
        help=f"Folder of data sets.{data}",
    )
    @click.option(
        "--out",
        metavar="DIR",
        type=Name(path_type=Path),
        default=Path("results"),
        show_default=True,
        help="Folder of the result.",
    )
    @_width(experiment)
    @options(*(["device"] if experiment.has_device else []))
    @click.option(
        "--quick",
        "length",
        flag_value="quick",
        help="A short run that shows the effect, in less than two minutes of one core.",
    )
    @click.option(
        "--medium",
        "length",
        flag_value="medium",
        help="A longer one, where the effect takes more than that; else as --quick.",
    )
    @options("force", "json", "quiet")
    def command(force: bool, as_json: bool, quiet: bool, length: Length | None, **fields: Any) -> None:
        settings = Settings(length=length or "full", **fields)
        printer = Printer(quiet)
        with reporting():
            needs(f"nelloc research {experiment.name}", "research", "matplotlib", "scipy", "torch")
            if settings.epochs is not None and not experiment.trains:
                printer.remark(f"nelloc: {experiment.name} trains nothing; --epochs does nothing")
            with showing(experiment.name, printer) as progress:
                try:
                    report = perform(experiment, replace(settings, progress=progress), force=force)
                except KeyboardInterrupt:
                    if experiment.trains:
                        printer.remark(f"nelloc: {experiment.name}: stopped; the same command goes on from there")
                    raise
        if as_json:
            print_json(report)
            return
        for line in table(report):
            printer.remark(line)
        for name in (f"{experiment.name}.json", *report["plots"]):
            printer.remark(str(settings.out / name))

    return command


@contextmanager
def showing(name: str, printer: Printer) -> Iterator[Progress]:
    """Progress as a bar on standard error if that is a terminal, else as a line for each phase."""
    with progress_bar(printer, total=0, desc=name, bar_format=_BAR) as bar:

        class Bar(Progress):
            def expect(self, steps: int, phase: str = "") -> None:
                bar.reset(total=steps)
                bar.set_postfix_str("", refresh=False)
                if phase:
                    bar.set_description_str(f"{name}: {phase}")
                    if bar.disable:
                        printer.remark(f"nelloc: {name}: {phase}")

            def advance(self, steps: int = 1, remark: str = "") -> None:
                if remark:
                    bar.set_postfix_str(remark, refresh=False)
                bar.update(steps)

        yield Bar()


def table(report: dict[str, Any]) -> list[str]:
    """Print the single numbers of a result, the thesis's values beside them."""
    rows = [
        (name, f"{value:.4g}" if isinstance(value, float) else str(value), str(report["thesis"].get(name, "")))
        for name, value in report["numbers"].items()
        if isinstance(value, int | float | str)
    ]
    if not rows:
        return []
    rows = [("", "here", report["values_are_of"]), *rows]
    return aligned(rows)


for _experiment in EXPERIMENTS:
    research.add_command(command_of(_experiment))
research.add_command(bits_back)
