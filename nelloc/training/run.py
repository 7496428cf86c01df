"""A training run in a folder: checkpoint, loss curve and, at the end, the integer model."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from nelloc import disk, extras, storage
from nelloc.errors import NellocError
from nelloc.exact.model import ExactModel, load_model
from nelloc.training.batches import Batch, BatchMaker, TrainingBatch
from nelloc.training.curve import draw_curve
from nelloc.training.data import PixelPool, PixelSampler, PixelSource
from nelloc.training.folder import DataConfig, Folder, FolderSampler, held_out_images, scan
from nelloc.training.images import ImageSampler
from nelloc.training.loop import CHECKPOINT, Listener, Trainer, train
from nelloc.training.networks.export import export
from nelloc.training.networks.local import LocalConfig

MODEL = "model.nlm"
CURVE = "curve.png"
VALIDATION_PIXELS = 40_000
VALIDATION_TILE = 256


def folder_data(
    data: DataConfig, network: LocalConfig, seed: int, messages: Callable[[str], None]
) -> tuple[FolderSampler, dict[str, Batch]]:
    """Open folders as training pixels for ``network``, with validation pixels from each one's held-out images.

    Parameters
    ----------
    data : DataConfig
        Folders, memory and augmentations.
    network : LocalConfig
        Shape of the network to train.
    seed : int
        Seed of the training pixels; the VALIDATION_PIXELS validation pixels of a folder do not depend on it.
    messages : callable
        Is called with a message for each unreadable held-out image.

    Returns
    -------
    source : FolderSampler
        Training pixels.
    validation : dict of str to Batch
        Validation pixels of each folder, by the folder's shortest distinct name.

    Raises
    ------
    NellocError
        If a folder cannot be used.
    """
    folders = [scan(Path(folder)) for folder in data.folders]
    validation = {}
    for folder, name in zip(folders, _names(folders), strict=True):
        images, problems = held_out_images(folder)
        for problem in problems:
            messages(f"{problem}; it is left out")
        validation[name] = validation_batch(PixelPool.from_images(images.values()), network)
    paths = [path for folder in folders for path in folder.training]
    source = FolderSampler(paths, network.horizon, seed, memory=data.memory, augmentation=data.augmentation)
    return source, validation


def validation_batch(pool: PixelPool, network: LocalConfig, tile: int = VALIDATION_TILE) -> Batch:
    """Draw VALIDATION_PIXELS random pixels of ``pool``, the same in every run, in tiles of side ``tile``."""
    sampler = PixelSampler([pool], [1.0], network.horizon, seed=0, tile_sizes=[tile], gray=0, flip=0)
    return BatchMaker(network)(*sampler.draw(VALIDATION_PIXELS))


def _names(folders: list[Folder]) -> list[str]:
    """Shortest distinct name of each folder: the end of its path. None is "training", whose rate is a run's own."""
    paths = list(dict.fromkeys(folder.path.resolve() for folder in folders))
    for length in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(paths) and "training" not in names:
            break
    named = dict(zip(paths, names, strict=True))
    return [named[folder.path.resolve()] for folder in folders]


def check_free(folder: Path) -> None:
    """Raise NellocError if ``folder`` has a run already, or is not a folder."""
    if disk.exists(folder / CHECKPOINT):
        raise NellocError(f"{folder}: has a training run already; use --resume to go on, or give another --out")
    disk.check_writable_folder(folder)


def run(
    trainer: Trainer,
    source: PixelSource,
    validation: Mapping[str, TrainingBatch],
    folder: Path,
    *,
    every: int,
    workers: int = 1,
    listener: Listener | None = None,
    again: str | None = None,
) -> ExactModel | None:
    """Train a local network in ``folder`` and write its integer model, MODEL.

    Parameters
    ----------
    trainer, source, validation, folder, every, workers, listener, again
        As in ``finish``.

    Returns
    -------
    ExactModel or None
        The model; None in a process that writes nothing.

    Raises
    ------
    NellocError
        As ``finish``.
    """
    finish(trainer, source, validation, folder, every=every, workers=workers, listener=listener, again=again)
    if not trainer.processes.writes:
        return None
    data = export(trainer.coded())
    storage.write(folder / MODEL, data, force=True)
    return load_model(data, str(folder / MODEL))


def finish(
    trainer: Trainer,
    source: PixelSource | ImageSampler,
    validation: Mapping[str, TrainingBatch],
    folder: Path,
    *,
    every: int,
    workers: int = 1,
    listener: Listener | None = None,
    again: str | None = None,
) -> None:
    """Train to the end in ``folder``.

    Parameters
    ----------
    trainer : Trainer
        Network and optimiser, new or resumed.
    source : PixelSource or ImageSampler
        Training data.
    validation : mapping of str to TrainingBatch
        Validation batch of each data set, by its name.
    folder : Path
        Folder of the run. CURVE in it is drawn anew at validations, and at the end.
    every : int
        Pixels between validations.
    workers : int
        Number of data workers.
    listener : Listener, optional
        Callbacks.
    again : str, optional
        Command that resumes the run, named if it is interrupted; by default that of ``nelloc train``.

    Raises
    ------
    NellocError
        On Ctrl-C or SIGTERM, after saving the checkpoint; if training diverges, if no image can be read, and if
        files cannot be written.
    """
    listener = listener or Listener()
    if trainer.processes.writes:
        disk.check_writable_folder(folder)
    drawing = _Drawing(listener, trainer, folder / CURVE)
    try:
        with _stopping() as stop:
            finished = train(
                trainer, source, validation, folder, every=every, workers=workers, listener=drawing, stop=stop
            )
    except NellocError:
        with suppress(NellocError):  # the first one says more
            drawing.draw()
        raise
    drawing.draw()
    if not finished:
        again = again or f"nelloc train --resume --out {folder}"
        raise NellocError(f"{folder}: stopped and saved after {trainer.seen / 1e6:.2f} megapixels; to go on: {again}")
    if not drawing.drawn:
        listener.message(f"no loss curve was drawn: matplotlib {extras.problem('matplotlib', 'train')}")


# Part of the time between validations that may be spent on drawing.
_DRAWING_SHARE = 1 / 20


class _Drawing(Listener):
    """Listener that draws the loss curve at validations, unless that took long lately, and passes everything on."""

    def __init__(self, listener: Listener, trainer: Trainer, path: Path):
        self.drawn = True
        self._listener, self._trainer, self._path = listener, trainer, path
        self._pending, self._not_before = False, 0.0

    def expect(self, steps: int, phase: str = "") -> None:
        self._listener.expect(steps, phase)

    def advance(self, steps: int = 1, remark: str = "") -> None:
        self._listener.advance(steps, remark)

    def message(self, text: str) -> None:
        self._listener.message(text)

    def report(self, row: dict[str, float]) -> None:
        """Draw the curve, if it is time, and pass the validation on."""
        self._pending = True
        if time.monotonic() >= self._not_before:
            self.draw()
        self._listener.report(row)

    def draw(self) -> None:
        """Draw the curve of the validations since it was drawn last."""
        if not self._pending:
            return
        begin = time.monotonic()
        self.drawn = self.drawn and draw_curve(self._trainer.history, self._path)
        self._pending = False
        self._not_before = time.monotonic() + (time.monotonic() - begin) / _DRAWING_SHARE


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Make Ctrl-C and SIGTERM only set the result of the returned function; a second one kills."""
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be handled
        yield lambda: False
        return
    asked = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
