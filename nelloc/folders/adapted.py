"""Compressing many images with one model that is adapted to all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nelloc import files, library, storage
from nelloc.folders.conversion import Conversion
from nelloc.folders.outcome import Outcome
from nelloc.folders.plan import Job
from nelloc.folders.work import finish, open_jobs


def compress_adapted(jobs: Sequence[Job], folder: Path, conversion: Conversion) -> Iterator[Outcome]:
    """Compress files with one model, adapted to all that can be read and are not done, and written into ``folder``."""
    outcomes: dict[Job, Outcome] = {}
    ready = list(open_jobs(jobs, conversion, outcomes))
    yield from outcomes.values()
    if not ready:
        return
    opened = [one.opened for one in ready]
    with files.enough_memory(str(folder)):
        encoded, gain, models = files.encode_adapted_images(
            opened, conversion.options, verify=conversion.verify, embed=False
        )
    for name, data in models.items():
        path = folder / f"{name}{library.MODEL_SUFFIX}"
        # The same model may be there from the time before; files that need it may be too.
        if not (path.is_file() and storage.read(path) == data):
            storage.write(path, data, conversion.force)
    for number, (one, file) in enumerate(zip(ready, encoded, strict=True), 1):
        result = files.result_of(one.opened, file, gain if number == len(ready) else None)
        outcome: dict[Job, Outcome] = {}
        finish([(one, (result, file.data))], conversion, outcome)
        yield outcome[one.job]
