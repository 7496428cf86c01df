"""The per-file work of a run, the same in this process, in others, and on other machines."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from nelloc import disk, storage
from nelloc.errors import ExistsError, NellocError, unreadable, unwritable
from nelloc.files.batch.conversion import Conversion, Ready
from nelloc.files.batch.outcome import Converted, Failed, Outcome, Removal, Skipped
from nelloc.files.batch.plan import Job
from nelloc.files.jpeg import OpenedJpeg
from nelloc.files.result import Result
from nelloc.image.formats.lossy import grown

# The most pixels of images that are coded together, in one wavefront.
GROUP_PIXELS = 1 << 18
# Outputs that are written at once.
WRITERS = 8
# File systems that do not keep nanoseconds cut times to tenths of microseconds, to seconds, or to even ones.
_MICROSECOND, _SECOND = 1_000, 1_000_000_000


def process(jobs: Sequence[Job], conversion: Conversion) -> list[Outcome]:
    """Convert files; small images are coded together. A file that fails does not stop the others."""
    outcomes: dict[Job, Outcome] = {}
    group: list[Ready] = []
    area = 0
    for ready in open_jobs(jobs, conversion, outcomes):
        if group and area + conversion.area(ready) > GROUP_PIXELS:
            finish(_converted(group, conversion, outcomes), conversion, outcomes, len(group))
            group, area = [], 0
        group.append(ready)
        area += conversion.area(ready)
    finish(_converted(group, conversion, outcomes), conversion, outcomes, len(group))
    return [outcomes[job] for job in jobs]


def open_jobs(jobs: Sequence[Job], conversion: Conversion, outcomes: dict[Job, Outcome]) -> Iterator[Ready]:
    """Read the inputs that need conversion, one by one; the outcomes of the others go into ``outcomes``."""
    for job in jobs:
        found: Ready | Skipped | None = None
        with _failing(job, conversion, outcomes):
            found = _open(job, conversion)
        if isinstance(found, Ready):
            yield found
        elif found is not None:
            outcomes[job] = found


@contextmanager
def _failing(job: Job, conversion: Conversion, outcomes: dict[Job, Outcome]) -> Iterator[None]:
    """Turn an error into the outcome of a job."""
    try:
        yield
    except NellocError as error:
        outcomes[job] = Failed(str(job.source), error)
    except Exception as error:
        if not conversion.resume:
            raise
        cause = f"{type(error).__name__}: {error}"
        internal = NellocError(f"{job.source}: internal error ({cause}); please report it with this file")
        internal.add_note(traceback.format_exc())
        outcomes[job] = Failed(str(job.source), internal)


def _open(job: Job, conversion: Conversion) -> Ready | Skipped:
    """Read and parse the input of a job, or give the reason why it needs no work."""
    if conversion.remove and conversion.resume and job.source.is_symlink():
        return Skipped(str(job.source), None, "a symbolic link, and not the file to be removed")
    if conversion.resume:
        storage.make_folder(job.target.parent, job.mirrored)
        if not conversion.force and os.path.lexists(job.target):
            return _done_already(job, conversion)
    disk.check_target(job.source, job.target, conversion.force)
    return read_job(job, conversion)


def read_job(job: Job, conversion: Conversion) -> Ready:
    """Read and parse the input of a job. Raises NellocError if that fails."""
    file = storage.read_input(job.source, conversion.extent)
    return Ready(job, file, conversion.open(file.data, job))


def _done_already(job: Job, conversion: Conversion) -> Skipped:
    """Check that an earlier run made the output from the input as it is now. Raises NellocError if it did not."""
    disk.check_target(job.source, job.target, force=True)
    source, target = str(job.source), str(job.target)
    if not _same_time(job):
        raise NellocError(f"{target}: exists, but was not made from {source}; use --force to replace it")
    try:
        conversion.check_done(job)
    except NellocError as error:
        cause = str(error).removeprefix(f"{target}: ").split("; ")[0]
        raise NellocError(f"{target}: exists, but {cause}; look at it before you replace it with --force") from error
    if not conversion.remove:
        return Skipped(source, target, "done already")
    ready = read_job(job, conversion)
    lacking = conversion.confirm(ready)
    with _writing(job):
        storage.sync_file(job.target)
        storage.sync_path(job.target.parent)
        larger = None if isinstance(ready.opened, OpenedJpeg) else grown(ready.file.data, job.target.stat().st_size)
    return Skipped(source, target, "done already", _remove(ready, lacking, None if conversion.force else larger))


@contextmanager
def _writing(job: Job) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(job.target, error) from error


def _same_time(job: Job) -> bool:
    """True if the output has the modification time of the input, as far as its file system keeps it."""
    try:
        source, target = os.stat(job.source), os.lstat(job.target)
    except OSError as error:
        raise unreadable(job.source, error) from error
    if not stat.S_ISREG(target.st_mode):
        return False
    later = source.st_mtime_ns - target.st_mtime_ns
    coarse = target.st_mtime_ns % _SECOND == 0 and source.st_mtime_ns % _SECOND != 0
    return abs(later) < _MICROSECOND or (coarse and 0 <= later < 2 * _SECOND)


def finish(
    converted: Iterable[tuple[Ready, tuple[Result, bytes]]],
    conversion: Conversion,
    outcomes: dict[Job, Outcome],
    count: int = 1,
) -> None:
    """Write ``count`` outputs, then sync their folders, then remove inputs if that is asked for."""
    written: list[tuple[Ready, Result]] = []
    with _writers(count) as begin:
        begun = [
            (ready, result, begin(partial(_write, ready, result, data, conversion)))
            for ready, (result, data) in converted
        ]
        for ready, result, wait in begun:
            with _failing(ready.job, conversion, outcomes):
                try:
                    wait()
                except ExistsError:
                    if not conversion.resume:
                        raise
                    outcomes[ready.job] = _done_already(ready.job, conversion)  # by another run, meanwhile
                    continue
                written.append((ready, replace(result, target=str(ready.job.target))))
    synced = set()
    for ready, result in written:
        with _failing(ready.job, conversion, outcomes):
            if ready.job.target.parent not in synced:
                with _writing(ready.job):
                    (storage.sync_path if conversion.remove else storage.sync_folder)(ready.job.target.parent)
                synced.add(ready.job.target.parent)
            larger = None if result.keeps == "bytes" else grown(ready.file.data, result.target_bytes)
            removal = Removal()
            if conversion.remove:
                removal = _remove(ready, result.left_out, None if conversion.force else larger)
            outcomes[ready.job] = Converted(result, removal, larger)


def _write(ready: Ready, result: Result, data: bytes, conversion: Conversion) -> None:
    """Write an output. Raises NellocError if that fails."""
    # A partial image does not get the time of its input, which would make it count as done.
    modified = None if result.damaged else ready.file.modified
    storage.write(ready.job.target, data, conversion.force, modified, ready.file.permissions, sync=False)
    if conversion.remove and storage.read(ready.job.target) != data:
        raise NellocError(f"{ready.job.target}: does not have the bytes that were written; check the disk")


@contextmanager
def _writers(count: int) -> Iterator[Callable[[Callable[[], None]], Callable[[], None]]]:
    """Yield the function that begins to write one of ``count`` files, and returns the function that waits for it.

    Several are written at once, since each waits for the disk, which takes what waits together. An interruption lets
    those end that have begun.
    """
    if count < 2:
        yield lambda write: write
        return
    try:
        from concurrent.futures import ThreadPoolExecutor
    except RuntimeError:  # the main thread has ended
        yield lambda write: write
        return
    threads = ThreadPoolExecutor(min(count, WRITERS))

    def begin(write: Callable[[], None]) -> Callable[[], None]:
        try:
            return threads.submit(write).result
        except RuntimeError:  # no more threads, as after the end of the main one: it is written when it is waited for
            return write

    try:
        yield begin
    finally:
        threads.shutdown(cancel_futures=True)


def _converted(
    group: Sequence[Ready], conversion: Conversion, outcomes: dict[Job, Outcome]
) -> Iterator[tuple[Ready, tuple[Result, bytes]]]:
    """Convert a group; if that fails, each of its jobs by itself."""
    if len(group) > 1:
        try:
            yield from zip(group, conversion.convert(group), strict=True)
            return
        except Exception:  # it comes again, with the name of its file
            pass
    for ready in group:
        with _failing(ready.job, conversion, outcomes):
            (output,) = conversion.convert([ready])
            yield ready, output


def _remove(ready: Ready, lacking: Sequence[str], larger: str | None) -> Removal:
    """Delete an input, unless there is a reason to keep it. Raises NellocError if it cannot be deleted.

    Its output lacks what ``lacking`` names, and is larger than the input, in the lossy format ``larger``.
    """
    source = ready.job.source
    if source.is_symlink():
        return Removal(kept="it is a symbolic link, and what it points to is kept as well")
    if lacking:
        return Removal(kept=f"its output lacks {', '.join(lacking)}")
    if larger:
        return Removal(kept=f"its output is larger than the {larger} file; --force removes it all the same")
    try:
        if not ready.file.is_still(source):
            return Removal(kept="it changed meanwhile")
        os.unlink(source)
    except OSError as error:
        reason = f"is now {ready.job.target}, but cannot be removed ({error.strerror}); check its permissions"
        raise NellocError(f"{source}: {reason}") from error
    return Removal(done=True)
