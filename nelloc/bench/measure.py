"""Measuring: every picture through every codec, checked first and timed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from nelloc.bench import memory
from nelloc.bench.interface import Codec, Picture
from nelloc.bench.memory import MemoryUse
from nelloc.bench.own import is_own, metadata_bytes
from nelloc.bench.pictures import PictureFile
from nelloc.bench.timing import CLOCKS, medians
from nelloc.codec.progress import Progress
from nelloc.errors import NellocError

# lossy: decoded, but changed. skipped: not supported by the codec.
Status = Literal["ok", "lossy", "failed", "skipped"]


@dataclass(frozen=True)
class Measurement:
    """Result of one codec on one picture.

    ``raw_bytes`` is the size of its samples in memory; ``metadata_bytes`` is a part of ``bytes``, for nelloc only.
    ``seconds`` are medians of the timed rounds, without the one that checked, and None if nothing was timed; ``reason``
    explains a status other than ok. ``bytes`` is None unless the status is ok or lossy.
    """

    codec: str
    image: str
    kind: str
    width: int
    height: int
    samples: int
    raw_bytes: int
    status: Status
    reason: str = ""
    bytes: int | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    metadata_bytes: int = 0

    @property
    def bits_per_dimension(self) -> float | None:
        """Bits per sample; None without a file."""
        return None if self.bytes is None else 8 * self.bytes / self.samples

    def __str__(self) -> str:
        size = "-" if self.bits_per_dimension is None else f"{self.bits_per_dimension:.3f} bpd"
        return f"{self.image}: {self.codec}: {size}, {self.status} {self.reason}".rstrip()


@dataclass(frozen=True)
class Measured:
    """Results: trials by picture and codec, errors of unreadable images, and peak memory by codec."""

    trials: tuple[Measurement, ...]
    unread: tuple[NellocError, ...]
    memory: dict[str, MemoryUse] = field(default_factory=dict)


def measure(
    found: Sequence[PictureFile],
    codecs: Sequence[Codec],
    *,
    repeat: int = 1,
    clock: str = "wall",
    with_memory: bool = True,
    max_pixels: int,
    strip: bool = False,
    progress: Progress | None = None,
) -> Measured:
    """Measure every codec on every image, without its metadata if ``strip``. Failures are recorded and stop nothing.

    ``clock`` is one of ``CLOCKS``.
    """
    progress = progress or Progress()
    trials: list[Measurement] = []
    unread: list[NellocError] = []
    # The largest picture that each codec coded without loss, and its file.
    largest: dict[str, tuple[Picture, bytes]] = {}
    progress.expect(len(found) * len(codecs))
    for item in found:
        progress.expect(0, item.name)
        try:
            picture = item.read(max_pixels, strip)
        except NellocError as error:
            unread.append(error)
            progress.advance(len(codecs))
            progress.message(str(error))
            continue
        checked = [check(codec, picture) for codec in codecs]
        good = [(codec, data) for codec, (trial, data) in zip(codecs, checked, strict=True) if trial.status == "ok"]
        seconds, failures = timed(good, picture, repeat, clock)
        for trial, data in checked:
            if trial.codec in failures:
                trial = replace(trial, status="failed", reason=failures[trial.codec], bytes=None)
            elif trial.codec in seconds:
                encode, decode = seconds[trial.codec]
                trial = replace(trial, encode_seconds=encode, decode_seconds=decode)
            held = largest.get(trial.codec)
            if trial.status == "ok" and (held is None or picture.array.nbytes > held[0].array.nbytes):
                largest[trial.codec] = picture, data
            trials.append(trial)
            progress.advance(1, str(trial))
    peaks: dict[str, MemoryUse] = {}
    for codec in codecs if with_memory else ():
        if codec.label in largest:
            progress.expect(0, f"memory of {codec.label}")
            if (peak := memory.measure(codec, *largest[codec.label])) is not None:
                peaks[codec.label] = peak
    return Measured(tuple(trials), tuple(unread), peaks)


def check(codec: Codec, picture: Picture) -> tuple[Measurement, bytes]:
    """Encode and decode a picture, and compare; return the trial and the file."""
    pixels = picture.pixels
    raw = sum(group.nbytes for group in pixels.groups)
    size = (pixels.width, pixels.height, picture.samples, raw)
    trial = Measurement(codec.label, picture.name, pixels.kind.name.lower(), *size, "ok")
    if (reason := codec.refuses(picture)) is not None:
        return replace(trial, status="skipped", reason=reason), b""
    try:
        data = codec.encode(picture)
        same = codec.same(picture, codec.decode(data))
    except Exception as error:  # from any of a peer's libraries
        return replace(trial, status="failed", reason=_words(error)), b""
    trial = replace(trial, bytes=len(data), metadata_bytes=metadata_bytes(data) if is_own(codec.label) else 0)
    if not same:
        return replace(trial, status="lossy", reason="the pixels that came back are not those that went in"), data
    return trial, data


def timed(
    codecs: Sequence[tuple[Codec, bytes]], picture: Picture, repeat: int, clock: str = "wall"
) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """Median seconds of encoding and decoding by codec (empty without rounds), and failures of single codecs."""
    failures: dict[str, str] = {}

    def guarded(label: str, function: Callable[[], object]) -> None:
        """Record a failure of the function, and skip codecs that have failed."""
        if label not in failures:
            try:
                function()
            except Exception as error:  # as in ``check``
                failures[label] = _words(error)

    variants: dict[tuple[str, str], Callable[[], object]] = {}
    for codec, data in codecs:
        variants[codec.label, "encode"] = partial(guarded, codec.label, partial(codec.encode, picture))
        variants[codec.label, "decode"] = partial(guarded, codec.label, partial(codec.decode, data))
    seconds = medians(variants, repeat, CLOCKS[clock])
    return {label: (seconds[label, "encode"], seconds[label, "decode"]) for label, _ in seconds}, failures


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__  # on one line
