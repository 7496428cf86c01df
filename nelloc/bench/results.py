"""Results of one run, and their serialisation as JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nelloc.bench.interface import Codec
from nelloc.bench.machine import Machine
from nelloc.bench.measure import Measured, Measurement
from nelloc.bench.own import is_own
from nelloc.bench.peers import Missing
from nelloc.bench.summary import Loss, Row, losses, summarise
from nelloc.errors import NellocError

COLUMNS = (
    "codec",
    "image",
    "kind",
    "width",
    "height",
    "samples",
    "raw_bytes",
    "status",
    "reason",
    "bytes",
    "metadata_bytes",
    "bits_per_dimension",
    "encode_seconds",
    "decode_seconds",
)


@dataclass(frozen=True)
class Results:
    """Results of a run: machine and settings, measurements, and their summary.

    ``errors`` are unreadable or missing images, and folders without any.
    """

    machine: Machine
    threads: int
    repeat: int
    trials: tuple[Measurement, ...]
    rows: tuple[Row, ...]
    losses: tuple[Loss, ...]
    missing: tuple[Missing, ...]
    errors: tuple[NellocError, ...]
    clock: str = "wall"

    @classmethod
    def of(
        cls,
        measured: Measured,
        codecs: Sequence[Codec],
        *,
        threads: int,
        repeat: int,
        missing: Sequence[Missing] = (),
        errors: Sequence[NellocError] = (),
        clock: str = "wall",
    ) -> Results:
        """Summarise measurements."""
        rows = summarise(measured, codecs)
        return cls(
            machine=Machine.this(),
            threads=threads,
            repeat=repeat,
            trials=measured.trials,
            rows=tuple(rows),
            losses=tuple(losses(measured, rows)),
            missing=tuple(missing),
            errors=(*errors, *measured.unread),
            clock=clock,
        )

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images that could be read."""
        return tuple(dict.fromkeys(trial.image for trial in self.trials))

    @property
    def raw_bytes(self) -> int:
        """Bytes of all samples of these images."""
        return sum({trial.image: trial.raw_bytes for trial in self.trials}.values())

    @property
    def metadata_bytes(self) -> int:
        """Bytes of metadata in the files of one nelloc model; peers' files hold none."""
        by_codec: dict[str, int] = {}
        for trial in self.trials:
            by_codec[trial.codec] = by_codec.get(trial.codec, 0) + trial.metadata_bytes
        return max(by_codec.values(), default=0)

    @property
    def failed(self) -> tuple[Measurement, ...]:
        """Trials that failed, and those in which nelloc changed pixels. A peer that does is lossy, not failed."""
        return tuple(t for t in self.trials if t.status == "failed" or (t.status == "lossy" and is_own(t.codec)))


def to_json(results: Results) -> dict[str, Any]:
    """Serialise the results as JSON."""
    return {
        "machine": asdict(results.machine),
        "threads": results.threads,
        "repeat": results.repeat,
        "clock": results.clock,
        "codecs": [asdict(row) for row in results.rows],
        "missing": [asdict(missing) for missing in results.missing],
        "trials": [_record(trial) for trial in results.trials],
        "losses": [asdict(loss) | {"excess": loss.excess} for loss in results.losses],
        "errors": [str(error) for error in results.errors],
    }


def to_csv(results: Results) -> str:
    """Serialise the results as CSV: a header of ``COLUMNS``, and a line for each codec and image."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_record(trial) for trial in results.trials)
    return out.getvalue()


def _record(trial: Measurement) -> dict[str, Any]:
    record = asdict(trial) | {"bits_per_dimension": trial.bits_per_dimension}
    return {column: record[column] for column in COLUMNS}
