"""`nelloc bench`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import click

from nelloc.cli.common import (
    Printer,
    check_core,
    fail,
    options,
    print_json,
    progress_bar,
    put,
    quiet_pillow,
    reporting,
)
from nelloc.cli.parameters import WORKERS, Name
from nelloc.errors import NellocError

REPORT = "index.html"


def _list_peers(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from nelloc.bench import peers

    for name in peers.names():
        found = peers.find(name)
        state = f"missing ({found.reason})" if isinstance(found, peers.Missing) else found[0].version()
        about = next(peer.about for peer in peers.PEERS if peer.name == name)
        put(f"{name}: {about}: {state}")
    context.exit()


@click.command(short_help="Compare nelloc with other codecs on your images.")
@click.argument("sources", metavar="FOLDER...", type=Name(), nargs=-1, required=True)
@click.option(
    "--model",
    "models",
    metavar="NAME|PATH",
    type=Name(),
    multiple=True,
    default=("default",),
    show_default=True,
    help="Model to measure: a shipped name or a model file. May be given several times.",
)
@click.option(
    "--peer",
    "wanted",
    metavar="NAME[:EFFORT]",
    multiple=True,
    help="Other codec to measure. May be given several times; png is always measured.  [default: all that are found]",
)
@click.option(
    "--list-peers",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_peers,
    help="List the peers and their versions.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Timed rounds for each image, whose median counts; 0 measures sizes only.",
)
@click.option(
    "--clock",
    type=click.Choice(("wall", "cpu")),
    default="wall",
    show_default=True,
    help="Time by the clock on the wall, or processor time, which other work on the machine does not lengthen.",
)
@click.option(
    "--threads",
    type=WORKERS,
    default=1,
    show_default=True,
    metavar="N",
    help="Threads that each codec may use, if it can.",
)
@click.option(
    "--lattice/--no-lattice",
    default=True,
    show_default=True,
    help="Let nelloc look for colours that a conversion from luma and chroma leaves, as nelloc compress does.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N images, by name, of each FOLDER."
)
@click.option(
    "--memory/--no-memory", default=True, show_default=True, help="Also measure peak memory, on the largest image."
)
@options("json")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line per codec and image, as CSV, on standard output.")
@click.option(
    "--report",
    metavar="DIR",
    type=Name(),
    help=f"Write a page with plots, {REPORT}, into this folder, which is made if it is not there.",
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing page.")
@options("strip", "backend", "max_pixels", "quiet", "verbose")
def bench(
    sources,
    models,
    wanted,
    repeat,
    clock,
    threads,
    limit,
    memory,
    as_json,
    as_csv,
    report,
    force,
    strip,
    quiet,
    verbose,
    **fields,
):
    """Measure nelloc beside other codecs on your images.

    All images in each FOLDER, or file, are measured, folders inside included.

    Every codec first encodes and decodes each image, and what comes back is compared; then it is timed. The table has
    bits per dimension and bytes of whole files, their ratio to PNG, megabytes of pixels a second, and the memory that
    encoding / decoding the largest image adds to a process. Codecs that alter, fail on or do not take an image are
    named and not ranked.

    Exit status: 0 done, 1 an image, a folder or a codec failed, or a --peer is missing, 2 wrong usage.
    """
    if as_json and as_csv:
        raise click.UsageError("choose one of --json and --csv")
    from nelloc.bench import measure, pictures
    from nelloc.bench.results import Results, to_csv, to_json
    from nelloc.cli.bench_table import table

    printer = Printer(quiet, verbose)
    page = None if report is None else Path(report, REPORT)
    with reporting():
        if page is not None:
            _check_page(page, force)
        codecs, missing = _codecs(models, wanted, threads, fields)
        found, errors = pictures.find(sources, limit)
        for error in errors:
            fail(error)
        quiet_pillow(printer)
        check_core(printer, fields.get("backend"))
        with _progress(printer) as progress:
            measured = measure.measure(
                found,
                codecs,
                repeat=repeat,
                clock=clock,
                with_memory=memory,
                max_pixels=fields["max_pixels"],
                strip=strip,
                progress=progress,
            )
        results = Results.of(
            measured, codecs, threads=threads, repeat=repeat, missing=missing, errors=errors, clock=clock
        )
        if as_json:
            print_json(to_json(results))
        elif as_csv:
            put(to_csv(results).encode())
        elif not quiet and results.images:
            put(table(results))
        if page is not None and results.images:
            _write_page(page, results, found, force)
            printer.remark(f"nelloc: the report is {page}")
        failures = _tell_failures(results, asked=bool(wanted))
    sys.exit(1 if failures else 0)


def _codecs(models, wanted, threads, fields):
    """List the codecs to measure, nelloc first; and the peers that are missing."""
    from nelloc.bench import peers
    from nelloc.bench.own import Nelloc
    from nelloc.codec.options import EncodeOptions
    from nelloc.exact import model_store

    codecs: list = []
    for model in dict.fromkeys(models):
        model_store.find(model)  # fails early
        codecs.append(Nelloc(EncodeOptions(model=model, threads=threads, **fields)))
    missing = []
    try:
        # PNG is what the others are compared with.
        found = [peers.find(name, threads) for name in ("png", *wanted)] if wanted else peers.find_all(threads)
        for peer in found:
            if isinstance(peer, peers.Missing):
                missing.append(peer)
            else:
                codecs += [one for one in peer if one not in codecs]
    except NellocError as error:
        raise click.UsageError(str(error)) from None
    return codecs, missing


def _tell_failures(results, asked: bool) -> int:
    """Print the failures that were not printed yet; returns the number of all failures."""
    told = 0
    if asked:
        for absent in results.missing:
            fail(NellocError(f"peer {absent.name}: is missing ({absent.reason}); install it, or leave out its --peer"))
            told += 1
    for trial in results.failed:
        fail(NellocError(f"{trial.image}: {trial.codec} failed ({trial.reason}); it is not ranked"))
        told += 1
    failures = told + len(results.errors)
    if failures:
        fail(NellocError(f"{len(results.images)} images measured; {failures} failure{'s' * (failures > 1)}"))
    return failures


def _check_page(page: Path, force: bool) -> None:
    """Make the folder of the report. Raises NellocError early if the page could not be written in the end."""
    from nelloc import disk

    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NellocError(f"{page.parent}: cannot be made ({error.strerror}); choose another folder") from error
    disk.check_target(page.parent, page, force)


def _write_page(page: Path, results, found, force: bool) -> None:
    from nelloc import storage
    from nelloc.bench.report import page_of

    storage.write(page, page_of(results, {item.name: item.path for item in found}).encode(), force)


@contextmanager
def _progress(printer: Printer):
    """Yield a bar on standard error that counts images times codecs."""
    from nelloc.codec.progress import Progress

    form = "{desc}{percentage:3.0f}%|{bar}| {n}/{total} [{elapsed}<{remaining}]"
    with progress_bar(printer, total=0, bar_format=form) as bar:

        class Bar(Progress):
            def expect(self, steps: int, phase: str = "") -> None:
                bar.total += steps
                if phase:
                    bar.set_description_str(f"{phase} ")

            def advance(self, steps: int = 1, remark: str = "") -> None:
                bar.update(steps)
                if remark:
                    with bar.external_write_mode(file=sys.stderr):
                        printer.detail(remark)

            def message(self, text: str) -> None:
                with bar.external_write_mode(file=sys.stderr):
                    fail(NellocError(text))

        yield Bar()
