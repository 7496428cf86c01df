"""Compression of many images with one model that is adapted to all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nelloc import disk, storage
from nelloc.errors import NellocError
from nelloc.exact import model_store
from nelloc.files import convert as files
from nelloc.files.batch.conversion import Compression, Ready
from nelloc.files.batch.outcome import Outcome
from nelloc.files.batch.plan import Job
from nelloc.files.batch.work import finish, open_jobs, read_job
from nelloc.image import Pixels


def compress_adapted(jobs: Sequence[Job], folder: Path, conversion: Compression) -> Iterator[Outcome]:
    """Compress files with one model, adapted to those that can be read and are not done, and write it to ``folder``.

    Images are read again whenever they are needed; only the compressed ones are all kept in memory.
    """
    outcomes: dict[Job, Outcome] = {}
    found = [(ready.job, ready.file.version) for ready in open_jobs(jobs, conversion, outcomes)]
    yield from outcomes.values()
    if not found:
        return
    inputs = _Inputs(found, conversion)
    sources = [str(job.source) for job, _ in found]
    with files.enough_memory(str(folder)):
        encoded, gain, models = files.encode_adapted_images(
            inputs, conversion.options, verify=conversion.verify, embed=False, sources=sources
        )
    for name, data in models.items():
        path = folder / f"{name}{model_store.MODEL_SUFFIX}"
        # An earlier run may have left the same model, and files that need it.
        if not (disk.is_file(path) and storage.read(path) == data):
            storage.write(path, data, conversion.force)
    for number, file in enumerate(encoded):
        ready = inputs.ready(number)
        result = files.result_of(ready.opened, file, gain if number == len(encoded) - 1 else None)
        outcome: dict[Job, Outcome] = {}
        finish([(ready, (result, file.data))], conversion, outcome)
        yield outcome[ready.job]


@dataclass(frozen=True)
class _Inputs(Sequence[Pixels]):
    """Images of jobs, read from disk at each access."""

    found: Sequence[tuple[Job, tuple[int, ...]]]
    conversion: Compression

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, number):
        return self.ready(number).opened.pixels

    def ready(self, number: int) -> Ready:
        """Read the input of a job. Raises NellocError if it changed since the first reading."""
        job, version = self.found[number]
        ready = read_job(job, self.conversion)
        if ready.file.version != version:
            raise NellocError(f"{job.source}: changed while the model was adapted to it; run this again")
        return ready
