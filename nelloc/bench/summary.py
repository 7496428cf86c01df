"""Totals of each codec's trials, and which codecs can be ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nelloc.bench.interface import Codec
from nelloc.bench.measure import Measured, Measurement
from nelloc.bench.own import is_own
from nelloc.bench.peers.png import Png


@dataclass(frozen=True)
class Row:
    """Totals of one codec over all images that it coded.

    Speeds are in megabytes (10^6) of pixels a second, memory in bytes. ``ratio_to_png`` is for the same images, and
    None if PNG was not measured on all of them. ``remark`` explains why a codec is not ``ranked``.
    """

    codec: str
    version: str
    images: int
    ranked: bool
    remark: str
    samples: int
    bytes: int
    bits_per_dimension: float | None
    ratio_to_png: float | None
    encode_speed: float | None
    decode_speed: float | None
    encode_memory: int | None
    decode_memory: int | None


@dataclass(frozen=True)
class Loss:
    """Image that some peer makes smaller than any nelloc model."""

    image: str
    nelloc: str
    nelloc_bytes: int
    peer: str
    peer_bytes: int

    @property
    def excess(self) -> float:
        """Excess of nelloc's file, as a share of the peer's."""
        return self.nelloc_bytes / self.peer_bytes - 1


def summarise(measured: Measured, codecs: Sequence[Codec]) -> list[Row]:
    """Make a row for each codec: ranked ones by size first, then the others."""
    png = {t.image: t.bytes for t in measured.trials if t.codec == Png().label and t.status == "ok"}
    rows = [_row(codec, measured, png) for codec in codecs]
    return sorted(rows, key=lambda row: (not row.ranked, row.bits_per_dimension or 0.0))


def _row(codec: Codec, measured: Measured, png: dict[str, int | None]) -> Row:
    own = [trial for trial in measured.trials if trial.codec == codec.label]
    good = [trial for trial in own if trial.status == "ok"]
    remark = _remark(own)
    samples, size = sum(t.samples for t in good), sum(t.bytes or 0 for t in good)
    png_size = sum(png[t.image] or 0 for t in good) if all(t.image in png for t in good) else 0
    memory = measured.memory.get(codec.label)
    return Row(
        codec=codec.label,
        version=codec.version(),
        images=len(good),
        ranked=bool(good) and not remark,
        remark=remark,
        samples=samples,
        bytes=size,
        bits_per_dimension=8 * size / samples if samples else None,
        ratio_to_png=size / png_size if png_size else None,
        encode_speed=_speed(good, lambda t: t.encode_seconds),
        decode_speed=_speed(good, lambda t: t.decode_seconds),
        encode_memory=None if memory is None else memory.encode,
        decode_memory=None if memory is None else memory.decode,
    )


def _speed(trials: Sequence[Measurement], seconds_of: Callable[[Measurement], float | None]) -> float | None:
    seconds = sum(seconds_of(t) or 0.0 for t in trials)
    return sum(t.raw_bytes for t in trials) / seconds / 1e6 if seconds else None


def _remark(trials: Sequence[Measurement]) -> str:
    """Reason why a codec cannot be ranked: images that it changed, failed on or refused, with the first reason."""
    parts = []
    for status, words in (("lossy", "lossy: altered"), ("failed", "failed on"), ("skipped", "skipped")):
        own = [trial for trial in trials if trial.status == status]
        if own:
            reason = "" if status == "lossy" else f": {own[0].reason}"
            parts.append(f"{words} {len(own)} of {len(trials)} images ({own[0].image}{reason})")
    return "; ".join(parts)


def losses(measured: Measured, rows: Sequence[Row]) -> list[Loss]:
    """Images where a peer that is lossless on all it coded beats nelloc, worst first."""
    lossy = {row.codec for row in rows if "lossy" in row.remark}
    best: dict[str, dict[bool, Measurement]] = {}
    for trial in measured.trials:
        if trial.status != "ok" or trial.bytes is None or trial.codec in lossy:
            continue
        of_image = best.setdefault(trial.image, {})
        held = of_image.get(is_own(trial.codec))
        if held is None or held.bytes is None or trial.bytes < held.bytes:
            of_image[is_own(trial.codec)] = trial
    found = [
        Loss(name, own.codec, own.bytes or 0, peer.codec, peer.bytes or 0)
        for name, sides in best.items()
        if (own := sides.get(True)) is not None and (peer := sides.get(False)) is not None
    ]
    return sorted((loss for loss in found if loss.excess > 0), key=lambda loss: -loss.excess)
