"""Plan of a run: the files that it finds, their outputs, and the batches in which they are handed to processes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from nelloc import disk
from nelloc.codec.options import check_types
from nelloc.errors import NellocError, unreadable
from nelloc.files.batch.outcome import Failed, Outcome, Skipped
from nelloc.files.convert import SUFFIX, default_target
from nelloc.files.jpeg import JPEG_SUFFIXES, PIXEL_SUFFIX, default_suffix_of
from nelloc.image.formats import IMAGE_SUFFIXES

# Largest file that shares a batch with others; the most files and bytes of a batch.
SMALL_BYTES = 1 << 16
BATCH_FILES, BATCH_BYTES = 256, 1 << 21


@dataclass(frozen=True)
class Direction:
    """Extensions of the inputs and of the outputs, and the message for a folder without inputs."""

    inputs: tuple[str, ...]
    suffix: str
    missing: str
    suffix_of: Callable[[Path], str] | None = None

    def output_suffix(self, source: Path) -> str:
        """Extension of the output of a file: ``suffix``, or the result of ``suffix_of``."""
        return self.suffix if self.suffix_of is None else self.suffix_of(source)

    def is_output(self, path: Path) -> bool:
        """True if a file may be an output of an earlier run, by its extension."""
        suffix = path.suffix.lower()
        return suffix == self.suffix or (self.suffix_of is not None and suffix in JPEG_SUFFIXES)


COMPRESS = Direction(IMAGE_SUFFIXES, SUFFIX, "no images there; give a folder of PNG, JPEG, WebP or other images")


def decompress_to(suffix: str | None = None) -> Direction:
    """Direction to the image format of an extension; by default JPEG for files that hold one, else PNG.

    Raises NellocError for one without the dot at its beginning.
    """
    if suffix is not None and not re.fullmatch(r"\.[^./\\]+", suffix):
        raise NellocError(f"extension {suffix!r}: is not one; give it with its dot, such as .png")
    suffix_of = default_suffix_of if suffix is None else None
    missing = f"no {SUFFIX} files there; give a folder of files made by nelloc compress"
    return Direction((SUFFIX,), suffix or PIXEL_SUFFIX, missing, suffix_of)


@dataclass(frozen=True)
class Job:
    """One input file, its size in bytes, its output, and the folder it was found in or below."""

    source: Path
    target: Path
    bytes: int
    root: Path | None = None

    @property
    def mirrored(self) -> list[Path]:
        """Folders of which the folder of the output, and those above it, are mirrors."""
        return [path for path in self.source.parents if self.root is not None and path.is_relative_to(self.root)]


@dataclass(frozen=True)
class JobList:
    """Jobs of a run, outcomes that are known beforehand, and the number of files of other kinds."""

    jobs: tuple[Job, ...]
    outcomes: tuple[Outcome, ...] = ()
    others: int = 0

    @property
    def count(self) -> int:
        """Number of outcomes of the run."""
        return len(self.jobs) + len(self.outcomes)


def make_plan(
    sources: str | Path | Iterable[str | Path],
    output: str | Path | None,
    direction: Direction,
    *,
    recursive: bool = False,
    links: bool = True,
) -> JobList:
    """Find the inputs among files and folders, and their outputs.

    A file goes into the folder ``output``, by default beside itself. The files in a folder go there too; with
    ``recursive`` also those below it, each into the folder of ``output`` that has the place of its own. Symbolic links
    to files are followed, or skipped without ``links``; those to folders are never followed. Raises NellocError for a
    folder that has no inputs, unless ``recursive``, for an empty name, which as a path is the current folder, and for
    an ``output`` that cannot be a folder, and TypeError for anything else than names.
    """
    several = isinstance(sources, Iterable) and not isinstance(sources, str | bytes | os.PathLike)
    sources = list(cast("Iterable[str | Path]", sources)) if several else [cast("str | Path", sources)]
    for source in sources:
        check_types(source=source)
    if "" in sources:
        raise NellocError("the name of an input is empty; give a file or a folder")
    folder = None if output is None else Path(output)
    if folder is not None:
        disk.check_output_folder(folder)
    search = _Search(direction, folder, recursive, links)
    for source in sources:
        search.add(Path(source))
    return search.plan()


@dataclass
class _Search:
    direction: Direction
    output: Path | None
    recursive: bool
    links: bool
    jobs: dict[Path, list[Job]] = field(default_factory=dict)  # by the real path of their output
    real: dict[Path, Path] = field(default_factory=dict)  # folders without links
    outcomes: list[Outcome] = field(default_factory=list)
    others: int = 0
    taken: int = 0

    def add(self, source: Path) -> None:
        """Take a file, or the files of a folder."""
        try:
            if not disk.is_folder(source):
                self._take(source, None)
                return
        except NellocError as error:
            self._put_failed(source, error)
            return
        before = self.taken
        waiting = [source]
        while waiting:
            folders = self._enter(waiting.pop(), source)
            waiting += reversed(folders if self.recursive else [])
        if self.taken == before:
            if not self.recursive:
                raise NellocError(f"{source}: {self.direction.missing}")
            self.outcomes.append(Skipped(str(source), None, self.direction.missing.split(";")[0]))

    def plan(self) -> JobList:
        """Plan of all files that were taken; inputs that have the same output fail."""
        jobs = []
        for rivals in self.jobs.values():
            if len(rivals) == 1:
                jobs += rivals
                continue
            for job in rivals:
                other = next(rival.source for rival in rivals if rival is not job)
                error = f"{job.source}: its output {job.target} would also be that of {other}; rename one of them"
                self.outcomes.append(Failed(str(job.source), NellocError(error)))
        return JobList(tuple(jobs), tuple(self.outcomes), self.others)

    def _enter(self, folder: Path, root: Path) -> list[Path]:
        """Take the files in a folder at or below ``root``, by name; returns the folders in it."""
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self._fail(folder, error)
            return []
        folders = []
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                if not self._is_output(path):
                    folders.append(path)
            elif path.suffix.lower() in self.direction.inputs:
                self._take(path, root)
            elif self.recursive and entry.is_symlink() and os.path.isdir(path):
                self.outcomes.append(Skipped(str(path), None, "a symbolic link to a folder"))
            elif not self.direction.is_output(path):
                self.others += 1
        return folders

    def _is_output(self, folder: Path) -> bool:
        """True for the output folder, if it lies in an input folder."""
        try:
            return self.output is not None and os.path.samefile(folder, self.output)
        except OSError:  # there is no output folder yet, or this one is closed to the user
            return False

    def _take(self, source: Path, root: Path | None) -> None:
        """Take a file, which lies below ``root`` unless it was named itself."""
        self.taken += 1
        try:
            status = source.stat()
            linked = source.is_symlink()
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            self._fail(source, error)
            return
        if not stat.S_ISREG(status.st_mode):
            self.outcomes.append(Skipped(str(source), None, "not a regular file"))
            return
        if linked and not self.links:
            self.outcomes.append(Skipped(str(source), None, "a symbolic link, and not the input itself"))
            return
        beside = default_target(source, self.direction.output_suffix(source))
        target = beside if self.output is None else self.output / beside.relative_to(root or source.parent)
        rivals = self.jobs.setdefault(self._real(target), [])
        if all(self._real(rival.source) != self._real(source) for rival in rivals):  # named twice, it is still one
            rivals.append(Job(source, target, status.st_size, root))

    def _real(self, path: Path) -> Path:
        """Normalise a path: resolve the links of its folder, which need not exist yet."""
        if path.parent not in self.real:
            self.real[path.parent] = Path(os.path.realpath(path.parent))
        return self.real[path.parent] / path.name

    def _fail(self, source: Path, error: OSError | ValueError) -> None:
        self._put_failed(source, unreadable(source, error))

    def _put_failed(self, source: Path, error: NellocError) -> None:
        self.taken += 1
        self.outcomes.append(Failed(str(source), error))


def batches(jobs: Sequence[Job], processes: int) -> Iterator[tuple[Job, ...]]:
    """Divide jobs into batches: small files together, but several batches for every process."""
    small = sum(job.bytes <= SMALL_BYTES for job in jobs)
    most = min(BATCH_FILES, max(1, -(-small // (4 * processes)))) if processes > 1 else BATCH_FILES
    batch: list[Job] = []
    size = 0
    for job in jobs:
        if batch and (job.bytes > SMALL_BYTES or len(batch) == most or size + job.bytes > BATCH_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(job)
        size += job.bytes
        if job.bytes > SMALL_BYTES:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)
