"""Experiments: their description, how they are run, and their results as files, written whole or not at all."""

from __future__ import annotations

import importlib
import io
import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nelloc import __version__, disk, storage
from nelloc.codec.progress import Progress
from nelloc.errors import NellocError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A "quick" run takes less than two minutes of one core; a "medium" one is longer where a quick one does not show the
# effect, else the same; a "full" one has the thesis's settings.
Length = Literal["quick", "medium", "full"]
# Advice in the error for a missing data folder.
DATA_HINT = "give the folder that has it with --data"


@dataclass(frozen=True)
class Settings:
    """User settings of an experiment.

    ``epochs`` is None for the experiment's own number of them, ``width`` for its own networks; ``device`` is a torch
    device, or None for a GPU if there is one. ``data`` is the folder of data sets. ``stages`` is the folder of
    intermediate results, from which an interrupted run continues; see ``stages.stage``.
    """

    seed: int = 1
    epochs: int | None = None
    width: int | None = None
    device: str | None = None
    data: Path | None = None
    out: Path = Path()
    length: Length = "full"
    progress: Progress = field(default_factory=Progress, compare=False)
    stages: Path | None = None

    @property
    def small(self) -> bool:
        """Networks and data are smaller than the thesis's."""
        return self.length != "full"

    def choose(self, quick: Any, full: Any, medium: Any = None) -> Any:
        """Return the value of a run of this length; a medium run without one of its own takes the quick one's."""
        if self.length == "full":
            return full
        return quick if self.length == "quick" or medium is None else medium

    def epochs_or(self, quick: int, full: int, medium: int | None = None) -> int:
        """Return the user's number of epochs, or else that of a run of this length."""
        return self.epochs if self.epochs is not None else self.choose(quick, full, medium)

    def folder(self, name: str) -> Path:
        """Find the folder of the data set ``name``. Raises NellocError if it is missing."""
        if self.data is None:
            raise NellocError(f"data set {name}: no folder of data sets is known; {DATA_HINT}")
        if not disk.is_folder(self.data / name):
            raise NellocError(f"{self.data / name}: is not a folder; {DATA_HINT}")
        return self.data / name


@dataclass(frozen=True)
class ExperimentResult:
    """Result of an experiment.

    ``numbers`` can be written as JSON. ``figures`` are drawn with ``plots.new_figure``: one is saved as NAME.png,
    several as NAME-KEY.png.
    """

    numbers: dict[str, Any]
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class Experiment:
    """Description of an experiment; nothing heavy is imported before ``run``.

    ``name`` is used for its command and its files. ``title`` is a line with the thesis's figure, table or equation.
    ``module`` has a function ``run(settings: Settings) -> ExperimentResult``, or one of the name after a colon.
    ``thesis`` has the values of ``source`` for entries of ``ExperimentResult.numbers``, under the same names. ``data``
    are the data sets it reads. ``trains`` is True if it has epochs, ``has_width`` if its networks can be made wider or
    narrower, ``has_device`` if a GPU can train them.
    """

    name: str
    title: str
    module: str
    thesis: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    trains: bool = False
    has_width: bool = False
    has_device: bool = False
    source: str = "thesis"

    @property
    def run(self) -> Callable[[Settings], ExperimentResult]:
        """Function that runs the experiment."""
        module, _, function = self.module.partition(":")
        return getattr(importlib.import_module(module), function or "run")


def check(experiment: Experiment, settings: Settings, *, force: bool) -> None:
    """Raise NellocError early for a run that could not read its data, or could not write its result."""
    for name in experiment.data:
        settings.folder(name)
    target = result_path(experiment, settings)
    if disk.exists(target) and not force:
        raise NellocError(f"{target}: exists already; use --force to replace it")
    storage.make_folder(settings.out)
    for folder in (settings.out, settings.out / "checkpoints", _stages(experiment, settings)):
        storage.remove_leftovers(folder)
    # Try the last write first: a run may take hours.
    trial = settings.out / f"{experiment.name}.trial"
    disk.check_target(trial, target, force=True)
    storage.write(trial, b"", force=True)
    trial.unlink()


def perform(experiment: Experiment, settings: Settings, *, force: bool = False) -> dict[str, Any]:
    """Run an experiment and write NAME.json and its plots to ``settings.out``.

    Parameters
    ----------
    experiment : Experiment
        From ``registry.EXPERIMENTS``.
    settings : Settings
        All random numbers follow ``settings.seed``.
    force : bool
        Replace an existing result.

    Returns
    -------
    dict
        Content of the JSON file.

    Raises
    ------
    NellocError
        As ``check`` does, and for a device that cannot be used, before anything is computed.

    Notes
    -----
    The JSON is written last, so its presence means that the result is complete. An interrupted run leaves at most
    NAME.stages, from which the next one continues.
    """
    check(experiment, settings, force=force)
    import torch

    from nelloc.training.networks.devices import device_title, find_device

    device = find_device(settings.device if experiment.has_device else "cpu")
    torch.manual_seed(settings.seed)
    start, used = time.perf_counter(), time.process_time()
    stages = _stages(experiment, settings)
    result = experiment.run(replace(settings, stages=stages))
    report = {
        "experiment": experiment.name,
        "title": experiment.title,
        "settings": {
            "seed": settings.seed,
            "epochs": settings.epochs,
            "width": settings.width,
            "length": settings.length,
        },
        "device": device_title(device),
        "versions": versions(),
        "seconds_of_this_run": round(time.perf_counter() - start, 2),
        "processor_seconds_of_this_run": round(time.process_time() - used, 2),
        "numbers": result.numbers,
        "thesis": dict(experiment.thesis),
        "values_are_of": experiment.source,
        "plots": sorted(_plot_names(experiment, result)),
    }
    _save(experiment, settings, result, report)
    shutil.rmtree(stages, ignore_errors=True)
    return report


def result_path(experiment: Experiment, settings: Settings) -> Path:
    """Path of an experiment's JSON file."""
    return settings.out / f"{experiment.name}.json"


def versions() -> dict[str, str]:
    """Versions of nelloc, Python, and the libraries that affect numbers."""
    from importlib import metadata

    found = {"nelloc": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _stages(experiment: Experiment, settings: Settings) -> Path:
    """Folder of intermediate results."""
    return settings.out / f"{experiment.name}.stages"


def _plot_names(experiment: Experiment, result: ExperimentResult) -> dict[str, Figure]:
    """Figures by their file names."""
    if len(result.figures) == 1:
        return {f"{experiment.name}.png": figure for figure in result.figures.values()}
    return {f"{experiment.name}-{key}.png": figure for key, figure in result.figures.items()}


def _save(experiment: Experiment, settings: Settings, result: ExperimentResult, report: dict[str, Any]) -> None:
    """Write figures, then the JSON report."""
    target = result_path(experiment, settings)
    encoded = json.dumps(_finite(report, experiment.name), indent=1, allow_nan=False) + "\n"
    pictures = {}
    for name, figure in _plot_names(experiment, result).items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100)
        pictures[name] = buffer.getvalue()
    # An old result must not be beside new plots, even for a moment.
    target.unlink(missing_ok=True)
    for name, data in pictures.items():
        storage.write(settings.out / name, data, force=True)
    storage.write(target, encoded.encode(), force=True)


def _finite(value: Any, name: str) -> Any:
    """Replace infinities, which some divergences are, by the words "inf" and "-inf" for JSON.

    Raises NellocError for NaN: a run that diverged has no result.
    """
    if isinstance(value, dict):
        return {str(key): _finite(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, name) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise NellocError(f"{name}: is not a number, the run has diverged; try another --seed or more --epochs")
        return "inf" if value > 0 else "-inf"
    return value
