"""Options of encoding and of decoding."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from nelloc.codec.effort import DEFAULT_EFFORT, Effort
from nelloc.codec.progress import Progress
from nelloc.codec.tiling import MAX_TILE, MIN_TILE, Rectangle
from nelloc.errors import NellocError
from nelloc.exact.decoders import DECODERS
from nelloc.image.limits import MAX_PIXELS

MAX_MINUTES = 10_000
# Limit of threads, and of processes: a slip such as another zero would bring a machine to a halt.
MAX_WORKERS = 1024


def available_cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options that encoding and decoding have in common; `EncodeOptions` and `DecodeOptions` add to them.

    Parameters
    ----------
    model : str or Path, optional
        Name, id or file of the model. Encoding uses ``default`` by default; decoding finds the model that the file
        names.
    backend : str, optional
        Compute backend; all give the same bytes. By default the fastest that works here.
    decoder : str, optional
        One of the thesis's three decoding algorithms, which run on NumPy or torch. By default as suits the backend.
    threads : int, optional
        Number of threads; by default the number of cores this process may use.
    max_pixels : int
        Images of more pixels are refused, so that a damaged header does not cost memory.
    progress : Progress
        Receives the number of pixels as they are done.
    strip : bool
        Leave metadata out.

    Raises
    ------
    NellocError
        If a value is out of range.
    TypeError
        If a value has the wrong type.
    """

    model: str | Path | None = None
    backend: str | None = None
    decoder: str | None = None
    threads: int | None = None
    max_pixels: int = MAX_PIXELS
    progress: Progress = field(default_factory=Progress, compare=False)
    strip: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            _check_type(one.name, getattr(self, one.name))
        if self.decoder is not None and self.decoder not in DECODERS:
            raise NellocError(f"decoder {self.decoder}: unknown; choose one of {', '.join(DECODERS)}")
        if self.threads is not None and not 1 <= self.threads <= MAX_WORKERS:
            raise NellocError(f"{self.threads} threads: choose 1 to {MAX_WORKERS}")
        if self.max_pixels < 1:
            raise NellocError(f"limit of {self.max_pixels} pixels: choose at least 1")

    @property
    def workers(self) -> int:
        """Number of threads to use."""
        if self.threads is not None:
            return self.threads
        return available_cores()


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(Options):
    """Options of encoding. None of them changes the pixels.

    Besides those of `Options`:

    Parameters
    ----------
    tile : int, optional
        Side of the tiles in pixels; by default chosen by ``effort``.
    effort : int
        Level of the search for a smaller file, 1 to 7 (``nelloc.codec.effort``).
    adapt : bool
        Fine-tune the model on the images first, which needs torch, and keep the result in the file if that makes it
        smaller.
    adapt_minutes : float, optional
        Duration of the fine-tuning; by default it goes on while it pays, for at most ``default_minutes`` of the pixels.
    embed : bool
        Put a model that does not come with nelloc into each file that needs it, so that the file decodes everywhere.
        Otherwise decoding needs the model to be given or installed.
    pixels : bool
        Keep what JPEG files decode to, as of other images, and not their bytes. ``adapt`` does so too.
    learn : bool
        Let the model's last layers learn from each tile while it is coded (docs/methods/learning.md): smaller files,
        slower in both directions. A model that cannot learn is used as it is.
    lattice : bool
        Look for tiles whose colours are those of a conversion from luma and chroma, as in a decoded JPEG, or came from
        such, and code them knowing it (docs/methods/lattices.md).
    past : bool
        Store a picture that was a JPEG as its coefficients (docs/methods/jpeg.md, section 17), if that is smaller. The
        pixels are the same.
    levels : bool
        Number the samples of a stretched image among the levels that occur (docs/FORMAT.md, section 11), if that is
        smaller.
    """

    tile: int | None = None
    effort: int = DEFAULT_EFFORT
    adapt: bool = False
    adapt_minutes: float | None = None
    embed: bool = True
    learn: bool = True
    lattice: bool = True
    pixels: bool = False
    past: bool = True
    levels: bool = True

    @property
    def keeps_jpeg_files(self) -> bool:
        """True if JPEG files are kept byte for byte."""
        return not (self.pixels or self.adapt)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tile is not None and not MIN_TILE <= self.tile <= MAX_TILE:
            raise NellocError(f"tile size {self.tile}: out of range; choose {MIN_TILE} to {MAX_TILE}")
        if self.effort not in set(Effort):
            raise NellocError(f"effort {self.effort}: choose {min(Effort)} to {max(Effort)}")
        if self.adapt_minutes is not None and not 0 < self.adapt_minutes <= MAX_MINUTES:
            raise NellocError(f"{self.adapt_minutes} minutes: choose more than 0 and at most {MAX_MINUTES}")

    def for_decoding(self, backend: str | None) -> DecodeOptions:
        """Options that decode, on ``backend``, what these encode."""
        return DecodeOptions(
            model=self.model,
            backend=backend,
            decoder=self.decoder,
            threads=self.threads,
            max_pixels=self.max_pixels,
            progress=self.progress,
            strip=self.strip,
        )


@dataclass(frozen=True, kw_only=True)
class DecodeOptions(Options):
    """Options of decoding.

    Besides those of `Options`:

    Parameters
    ----------
    region : Rectangle, optional
        Part of the image to decode: only its tiles are.
    allow_damaged : bool
        Restore what is left of a damaged file, mark damaged tiles, and name them, instead of raising NellocError:
        `nelloc.decode` by a warning, `nelloc.decompress` in ``Result.damaged``.
    """

    region: Rectangle | None = None
    allow_damaged: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.region is None:
            return
        for name, value in vars(self.region).items():
            if not isinstance(value, Integral):
                raise TypeError(f"{name} of the region must be int, not {type(value).__name__}")
        # Sums of NumPy's narrow integers would wrap round.
        plain = Rectangle(**{name: int(value) for name, value in vars(self.region).items()})
        object.__setattr__(self, "region", plain)
        if plain.height < 1 or plain.width < 1:
            raise NellocError(f"region {self.region}: is empty; give one of at least 1 x 1 pixels")


class _Keywords(TypedDict, total=False):
    """Keywords of all functions: the fields of `Options`."""

    model: str | Path | None
    backend: str | None
    decoder: str | None
    threads: int | None
    max_pixels: int
    progress: Progress
    strip: bool


class EncodeKeywords(_Keywords, total=False):
    """Keywords of functions that encode: the fields of `EncodeOptions`."""

    tile: int | None
    effort: int
    adapt: bool
    adapt_minutes: float | None
    embed: bool
    learn: bool
    lattice: bool
    past: bool
    levels: bool
    pixels: bool


class DecodeKeywords(_Keywords, total=False):
    """Keywords of functions that decode: the fields of `DecodeOptions`."""

    region: Rectangle | None
    allow_damaged: bool


_Chosen = TypeVar("_Chosen", bound=Options)


def chosen_options(
    kind: type[_Chosen], options: _Chosen | None, keywords: Mapping[str, Any], **arguments: object
) -> _Chosen:
    """Options of a call that may give them as an object or as keywords, beside its own ``arguments``.

    Raises
    ------
    TypeError
        If both are given, if ``options`` are of another kind, if a keyword is unknown, or as `check_types`.
    """
    check_types(**arguments)
    if options is None:
        known = {one.name for one in fields(kind)}
        unknown = [name for name in keywords if name not in known]
        if unknown:
            raise TypeError(f"unknown keyword {', '.join(unknown)}; {kind.__name__} has {', '.join(sorted(known))}")
        return kind(**keywords)
    if keywords:
        raise TypeError(
            f"options and {', '.join(keywords)} were both given; put {', '.join(keywords)} into the options"
        )
    if not isinstance(options, kind):
        raise TypeError(f"options must be {kind.__name__}, not {type(options).__name__}")
    return options


def check_types(**arguments: object) -> None:
    """Raise TypeError for a value that the argument of this name cannot have, of whichever function."""
    for name, value in arguments.items():
        _check_type(name, value)


_INTEGERS = ("tile", "effort", "threads", "max_pixels", "jobs")
_SWITCHES = ("strip", "adapt", "embed", "learn", "lattice", "pixels", "past", "levels", "allow_damaged", "force",
             "verify", "recursive", "remove")  # fmt: skip
_NAMES = ("backend", "decoder", "dask", "suffix")
_PATHS = ("source", "target", "output")
_NEVER_NONE = ("effort", "max_pixels", "progress", "jobs", "source", *_SWITCHES)
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_INTEGERS, (int,)),
    **dict.fromkeys(_SWITCHES, (bool,)),
    **dict.fromkeys(_NAMES, (str,)),
    **dict.fromkeys(_PATHS, (str, os.PathLike)),
    "model": (str, Path),
    "progress": (Progress,),
    "adapt_minutes": (int, float),
    "region": (Rectangle,),
}


def _check_type(name: str, value: object) -> None:
    """Raise TypeError for a value that an option cannot have."""
    types = _TYPES[name]
    if value is None and name not in _NEVER_NONE:
        return
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        expected = " or ".join("Path" if one is os.PathLike else one.__name__ for one in types)
        none = "" if name in _NEVER_NONE else ", or None"
        given = type(value)
        module = "" if given.__module__ == "builtins" else f"{given.__module__}."
        raise TypeError(f"{name} must be {expected}{none}, not {module}{given.__qualname__}")
