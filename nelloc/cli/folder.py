"""Runs over many files: the options of `compress` and `decompress` for them, and their output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nelloc.cli.common import (
    BAR_DELAY,
    STDIO,
    Printer,
    beside_bars,
    fail,
    print_json,
    progress_bar,
    shows_bars,
)
from nelloc.cli.parameters import WORKERS, Name

if TYPE_CHECKING:
    from nelloc.files.batch.conversion import Conversion
    from nelloc.files.batch.outcome import Converted, Failed, Skipped
    from nelloc.files.batch.plan import Direction
    from nelloc.files.result import Result

_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} files [{elapsed}<{remaining}]"
_PIXELS_ONLY = "nelloc keeps the pixels, not the bytes that a lossy format made of them"

_PARAMETERS = (
    click.argument("names", metavar="IN... [OUT]", type=Name(), nargs=-1, required=True),
    click.option("-r", "--recursive", is_flag=True, help="Process folders recursively."),
    click.option(
        "--output-dir",
        metavar="FOLDER",
        type=Name(),
        help="Write into this folder, which is made if it is not there; with -r it mirrors the folders of IN. Every IN "
        "is a file or a folder then.  [default: each output beside its input]",
    ),
    click.option(
        "--jobs",
        type=WORKERS,
        metavar="N",
        default=1,
        show_default=True,
        help="Processes that share the files of a folder, and the cores.",
    ),
    click.option(
        "--dask",
        metavar="ADDRESS",
        help="Run on this Dask scheduler; workers need the same paths, and the extra [dask].",
    ),
    click.option(
        "--rm", "remove", is_flag=True, help="Delete each IN once its output was compared and is on the disk."
    ),
)


@dataclass(frozen=True)
class Selection:
    """Names given to a command, and the options of runs over many files."""

    names: tuple[str, ...]
    recursive: bool
    output_dir: str | None
    jobs: int
    dask: str | None
    remove: bool

    @property
    def many(self) -> bool:
        """True if the names are files and folders to run over, False if they are IN and OUT."""
        return self.recursive or self.output_dir is not None

    @property
    def spread(self) -> bool:
        """True if other processes do the work."""
        return self.jobs > 1 or self.dask is not None

    def check(self) -> None:
        """Raise UsageError if the options fit neither one file nor many."""
        if self.many and STDIO in self.names:
            raise click.UsageError("-r and --output-dir take files and folders, not standard input or output")
        if not self.many and self.spread:
            raise click.UsageError("--jobs and --dask are for many files; give -r or --output-dir FOLDER")
        if not self.many and len(self.names) > 2:
            raise click.UsageError("give -r, or --output-dir FOLDER, for several inputs")
        if self.remove and STDIO in self.names:
            raise click.UsageError("--rm needs an input file and an output file")


def select(function: Callable) -> Callable:
    """Decorator that adds the names and options of runs over many files, and passes them as ``selection``."""

    @wraps(function)
    def wrapper(names, recursive, output_dir, jobs, dask, remove, **others):
        selection = Selection(names, recursive, output_dir, jobs, dask, remove)
        selection.check()
        return function(selection=selection, **others)

    for parameter in reversed(_PARAMETERS):
        wrapper = parameter(wrapper)
    return wrapper


@dataclass(frozen=True)
class Shown:
    """Result as a command prints it: one line of text, remarks before it, a line after it, and a JSON object."""

    line: str
    row: dict[str, Any]
    remarks: tuple[str, ...] = ()
    detail: str = ""
    after: str | None = None

    def put(self, printer: Printer, as_json: bool, **more: Any) -> None:
        """Print the result; ``more`` goes into the JSON object."""
        for remark in self.remarks:
            printer.remark(remark)
        if as_json:
            print_json(self.row | more)
        else:
            printer.remark(self.line)
            if self.after is not None:
                printer.remark(self.after)
        printer.detail(self.detail)


def convert_one(
    source: str, target: str, conversion: Conversion, printer: Printer, as_json: bool, show: Callable[[Result], Shown]
) -> Converted | Skipped:
    """Convert one file to another, and print the result. Raises NellocError if it cannot be converted."""
    from nelloc.files.batch.outcome import Converted, Failed
    from nelloc.files.batch.plan import Job
    from nelloc.files.batch.work import process

    (outcome,) = process([Job(Path(source), Path(target), 0)], conversion)
    if isinstance(outcome, Failed):
        raise outcome.error
    _put(outcome, printer, as_json, show, {})
    if isinstance(outcome, Converted) and outcome.grown is not None:
        remark_growth(source, target, outcome.grown, printer)
    return outcome


def remark_growth(source: str, target: str, form: str, printer: Printer) -> None:
    """Print a remark that an output is larger than its input, which is in a lossy format."""
    printer.remark(f"nelloc: {source}: {target} is larger than the {form} file; {_PIXELS_ONLY}")


def convert_many(
    selection: Selection,
    direction: Direction,
    conversion: Conversion,
    printer: Printer,
    as_json: bool,
    show: Callable[[Result], Shown],
    last: str | None = None,
) -> None:
    """Convert many files, print the outcome of each and the remark ``last``, and exit."""
    from nelloc.files.batch.outcome import Converted, Failed, Summary
    from nelloc.files.batch.plan import make_plan
    from nelloc.files.batch.run import Where
    from nelloc.files.batch.run import run as start

    output = None if selection.output_dir is None else Path(selection.output_dir)
    plan = make_plan(selection.names, output, direction, recursive=selection.recursive)
    run = start(plan, conversion, Where(selection.jobs, selection.dask), output)
    summary, began = Summary(), time.monotonic()
    bars = shows_bars(printer)
    # Work in this process shows its pixels instead.
    bar = progress_bar(printer, total=plan.count, bar_format=_BAR) if bars and selection.spread else None
    with closing(run), bar or nullcontext():
        for outcome in run:
            summary.add(outcome)
            with beside_bars() if bars and time.monotonic() - began > BAR_DELAY else nullcontext():
                if isinstance(outcome, Failed):
                    _put_failed(outcome, printer, as_json)
                else:
                    status = "done" if isinstance(outcome, Converted) else "skipped"
                    _put(outcome, printer, as_json, show, {"status": status, "removed": outcome.removal.done})
            if bar is not None:
                bar.update()
    if plan.count > 1 and not as_json:
        others = f"; {plan.others} other file{'s' * (plan.others > 1)} left alone" if plan.others else ""
        printer.remark(f"{summary}{others}")
    if summary.grown:
        larger = "1 output is larger than its JPEG or WebP file"
        if summary.grown > 1:
            larger = f"{summary.grown} outputs are larger than their JPEG or WebP files"
        printer.remark(f"nelloc: {larger}; {_PIXELS_ONLY}")
    if last is not None:
        printer.remark(last)
    sys.exit(summary.exit_status)


def _put_failed(outcome: Failed, printer: Printer, as_json: bool) -> None:
    if as_json:
        print_json({"source": outcome.source, "status": "failed", "error": str(outcome.error)})
    fail(outcome.error)
    for note in getattr(outcome.error, "__notes__", ()):
        printer.detail(note)


def _put(
    outcome: Converted | Skipped, printer: Printer, as_json: bool, show: Callable[[Result], Shown], more: dict[str, Any]
) -> None:
    from nelloc.files.batch.outcome import Converted

    if isinstance(outcome, Converted):
        show(outcome.result).put(printer, as_json, **more)
    else:
        named = f" ({outcome.target})" if outcome.target else ""
        row = {"source": outcome.source, "target": outcome.target, "reason": outcome.reason}
        Shown(f"{outcome.source}: skipped, {outcome.reason}{named}", row).put(printer, as_json, **more)
    if outcome.removal.kept is not None:
        printer.remark(f"nelloc: {outcome.source}: not removed: {outcome.removal.kept}")
