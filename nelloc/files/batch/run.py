"""Execution of a plan in this process, on several processes, or on a cluster."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack

from PIL import Image

from nelloc import storage
from nelloc.codec.options import (
    MAX_WORKERS,
    DecodeKeywords,
    DecodeOptions,
    EncodeKeywords,
    EncodeOptions,
    Progress,
    check_types,
    chosen_options,
)
from nelloc.codec.parallel import SharedByThreads, stop_if_not_wanted
from nelloc.errors import NellocError, NellocWarning
from nelloc.exact import model_store
from nelloc.files.batch.conversion import Compression, Conversion, Decompression
from nelloc.files.batch.outcome import Failed, Outcome
from nelloc.files.batch.plan import COMPRESS, Job, JobList, batches, decompress_to, make_plan
from nelloc.files.batch.work import process

Batch = tuple[Job, ...]
Spread = Generator[tuple[Batch, list[Outcome] | None], None, None]


@dataclass(frozen=True)
class Where:
    """Place of the work: ``jobs`` processes of this machine, or the Dask cluster at an address."""

    jobs: int = 1
    dask: str | None = None

    def __post_init__(self) -> None:
        check_types(jobs=self.jobs, dask=self.dask)
        if not 1 <= self.jobs <= MAX_WORKERS:
            raise NellocError(f"{self.jobs} jobs: choose 1 to {MAX_WORKERS}")


def compress_folder(
    sources: str | Path | Iterable[str | Path],
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    force: bool = False,
    verify: bool = True,
    remove: bool = False,
    jobs: int = 1,
    dask: str | None = None,
    options: EncodeOptions | None = None,
    **keywords: Unpack[EncodeKeywords],
) -> Iterator[Outcome]:
    """Compress image files, and those in folders, while the outcomes are taken, as by ``list``.

    Parameters
    ----------
    sources : str or Path, or iterable of them
        Image files and folders.
    output : str or Path, optional
        Folder of the .nlc files, which mirrors the tree of ``sources``; by default each is beside its image.
    recursive : bool
        Take folders within folders too.
    force : bool
        Replace existing outputs, also those that an earlier run made.
    verify : bool
        Decode each result and compare it before it is written.
    remove : bool
        Delete each image once its output was verified and is on the disk.
    jobs : int
        Processes that share the files.
    dask : str, optional
        Address of a Dask scheduler whose workers do the work; they need the same paths.
    options : EncodeOptions, optional
        How to encode. With ``adapt`` the model is adapted to all images together and written once, as ID.nlm in
        ``output``, and decoding needs that folder as its model.
    **keywords
        The fields of `EncodeOptions`, instead of ``options``.

    Returns
    -------
    iterator of Outcome
        Outcome of each file, as it is done: ``Converted``, ``Skipped`` or ``Failed``. A file is converted when its
        outcome is asked for.

    Raises
    ------
    NellocError
        If nothing can be done at all; a file that fails is an outcome.
    TypeError
        If a keyword is unknown, of the wrong type, or given beside ``options``.
    """
    switches = {"recursive": recursive, "force": force, "verify": verify, "remove": remove}
    chosen = chosen_options(EncodeOptions, options, keywords, output=output, **switches)
    folder, where = None if output is None else Path(output), Where(jobs, dask)
    conversion = Compression(chosen, force, verify, remove, models=folder if chosen.adapt else None)
    plan = make_plan(sources, output, COMPRESS, recursive=recursive)
    return run(plan, conversion, where, folder)


def decompress_folder(
    sources: str | Path | Iterable[str | Path],
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    suffix: str | None = None,
    force: bool = False,
    remove: bool = False,
    jobs: int = 1,
    dask: str | None = None,
    options: DecodeOptions | None = None,
    **keywords: Unpack[DecodeKeywords],
) -> Iterator[Outcome]:
    """Decompress .nlc files, and those in folders, while the outcomes are taken, as by ``list``.

    Parameters
    ----------
    sources, output, recursive, force, remove, jobs, dask
        As for `compress_folder`, with .nlc files in place of images.
    suffix : str, optional
        Extension of the image files, which chooses their format.
    options : DecodeOptions, optional
        How to decode.
    **keywords
        The fields of `DecodeOptions`, instead of ``options``.

    Returns
    -------
    iterator of Outcome
        As `compress_folder`.

    Raises
    ------
    NellocError, TypeError
        As `compress_folder`.
    """
    switches = {"recursive": recursive, "force": force, "remove": remove}
    chosen = chosen_options(DecodeOptions, options, keywords, output=output, suffix=suffix, **switches)
    where = Where(jobs, dask)
    conversion = Decompression(chosen, force, True, remove)
    plan = make_plan(sources, output, decompress_to(suffix), recursive=recursive)
    return run(plan, conversion, where)


def run(
    plan: JobList, conversion: Conversion, where: Where, output: Path | None = None
) -> Generator[Outcome, None, None]:
    """Carry out a plan; yields the outcome of each file, as it is done. ``output`` is needed to ``adapt`` only.

    Raises NellocError, before anything is asked for, where the conversion adapts a model and cannot do so here.
    """
    adapts = isinstance(conversion, Compression) and conversion.options.adapt
    if adapts and (output is None or where != Where()):
        raise NellocError("adapting to a folder needs an output folder, and one process; leave out jobs and dask")
    return _outcomes(plan, conversion, where, output)


def _outcomes(
    plan: JobList, conversion: Conversion, where: Where, output: Path | None
) -> Generator[Outcome, None, None]:
    yield from plan.outcomes
    for folder in dict.fromkeys(job.target.parent for job in plan.jobs):
        storage.remove_leftovers(folder)
    if isinstance(conversion, Compression) and conversion.options.adapt and output is not None:
        from nelloc.files.batch.adapted import compress_adapted

        yield from compress_adapted(plan.jobs, output, conversion)
        return
    again: list[Batch] = []
    with closing(_spread(list(batches(plan.jobs, where.jobs)), conversion, where)) as results:
        for batch, outcomes in results:
            if outcomes is None and len(batch) > 1:
                again += [(job,) for job in batch]
            else:
                yield from outcomes or [_died(batch[0])]
    if again:
        with closing(_spread(again, conversion, where)) as results:
            for batch, outcomes in results:
                yield from outcomes or [_died(batch[0])]


def _spread(parts: Sequence[Batch], conversion: Conversion, where: Where) -> Spread:
    """Outcomes of each part, as they arrive; None for a part whose process died."""
    options = conversion.options
    if where.dask is not None:
        from nelloc.files.batch.cluster import on_cluster

        work = _elsewhere(conversion, options.threads or 1, _absolute_model(options.model))
        away = {tuple(map(_absolute, part)): part for part in parts}
        yield from ((away[part], outcomes) for part, outcomes in on_cluster(work, list(away), where.dask))
    elif where.jobs > 1 and len(parts) > 1:
        from nelloc.codec.process_pool import in_processes

        threads = options.threads or max(1, options.workers // where.jobs)
        yield from in_processes(_elsewhere(conversion, threads, options.model), parts, where.jobs)
    else:
        yield from ((part, process(part, conversion)) for part in parts)


def _elsewhere(conversion: Conversion, threads: int, model: str | Path | None) -> Callable[[Batch], list[Outcome]]:
    """Make the function that converts a part in another process."""
    options = replace(conversion.options, threads=threads, model=model, progress=Progress())
    return partial(_process_elsewhere, replace(conversion, options=options))


def _process_elsewhere(conversion: Conversion, part: Batch) -> list[Outcome]:
    options = replace(conversion.options, progress=_Stopping())
    with _pillow.made(_without_limit_and_warnings):  # for a while only: the process may be one that does other work too
        return process(part, replace(conversion, options=options))


@contextmanager
def _without_limit_and_warnings() -> Iterator[None]:
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # the limit is that of the options
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on damaged metadata and the like
            warnings.simplefilter("default", NellocWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


_pillow = SharedByThreads()


class _Stopping(Progress):
    """Progress that stops the work once it is no longer wanted."""

    def advance(self, steps: int = 1, remark: str = "") -> None:
        stop_if_not_wanted()


def _absolute(job: Job) -> Job:
    return replace(job, source=job.source.absolute(), target=job.target.absolute())


def _absolute_model(model: str | Path | None) -> str | Path | None:
    return model if model is None or str(model) in model_store.available() else Path(model).absolute()


def _died(job: Job) -> Failed:
    reason = "its process died, perhaps for lack of memory; try again with fewer jobs"
    return Failed(str(job.source), NellocError(f"{job.source}: {reason}"))
