"""Parts that the commands share: options, the progress bar, and the conversion of errors to exit statuses."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from nelloc.cli.parameters import WORKERS, Name, OutputFile
from nelloc.errors import NellocError, NellocWarning

if TYPE_CHECKING:
    from tqdm import tqdm

    from nelloc.exact.model import ExactModel
    from nelloc.files.batch.conversion import Conversion
    from nelloc.files.result import Result
    from nelloc.storage import Extent

STDIO = "-"
# Seconds of work before a bar is shown.
BAR_DELAY = 1
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} Mpx [{elapsed}<{remaining}, {rate_noinv_fmt}]"
# Written out so that --help does not import the codec; a test keeps them true.
DECODER_NAMES = ("sequential", "parallel", "sheared")
BACKEND_NAMES = ("native", "numpy", "reference", "torch-float32", "torch-int8", "torch-cuda")


_PARAMETERS = {
    "model": click.option(
        "--model",
        metavar="NAME|PATH",
        type=Name(),
        help="Model to use: a shipped name or a model file.  [default: default]",
    ),
    "needed_model": click.option(
        "--model",
        metavar="NAME|PATH",
        type=Name(),
        help="Model file to use, or folder of models, if the one the file needs is not installed.",
    ),
    "backend": click.option(
        "--backend",
        type=click.Choice(BACKEND_NAMES),
        help="Compute backend; all give the same bytes, and those on torch need the extra [train].  [default: native, "
        "the compiled core, or numpy where it is not built]",
    ),
    "decoder": click.option(
        "--decoder",
        type=click.Choice(DECODER_NAMES),
        help="Decode by this algorithm of the thesis (sNeLLoC, pNeLLoC, ShearLoC), in Python; all give the same pixels."
        "  [default: the core's own walk, or sheared]",
    ),
    "threads": click.option("--threads", type=WORKERS, metavar="N", help="Cores to use.  [default: all]"),
    "device": click.option(
        "--device", metavar="NAME", help="Torch device: cpu, cuda, cuda:1.  [default: cuda if there is one]"
    ),
    "max_pixels": click.option(
        "--max-pixels", type=click.IntRange(min=1), default=1 << 28, show_default=True, help="Refuse larger images."
    ),
    "force": click.option("-f", "--force", is_flag=True, help="Replace an existing output file."),
    "strip": click.option("--strip", is_flag=True, help="Leave out metadata: ICC profile, EXIF, XMP, text and others."),
    "json": click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output."),
    "quiet": click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    "verbose": click.option("-v", "--verbose", is_flag=True, help="Print more."),
}


def options(*names: str) -> Callable:
    """Decorator that adds the named shared options, in this order."""

    def decorate(function: Callable) -> Callable:
        for name in reversed(names):
            function = _PARAMETERS[name](function)
        return function

    return decorate


@contextmanager
def reporting() -> Iterator[None]:
    """Turn errors into one line on standard error and exit status 1."""
    try:
        yield
    except NellocError as error:
        fail(error)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as error:
        fail(_unforeseen(error))
        sys.exit(1)


def _unforeseen(error: Exception) -> NellocError:
    """One sentence for an error that no part of nelloc has foreseen, with the place that reports of it need."""
    told = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        name = "the system" if error.filename is None else error.filename
        return NellocError(f"{name}: cannot be used ({error.strerror}); check names, permissions and limits")
    if isinstance(error, MemoryError):
        return NellocError("memory: is used up; use a machine with more of it, or close other programs")
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
    return NellocError(f"internal error ({type(error).__name__}: {told}{place}); please report it with the command")


def needs_torch(command: str) -> None:
    """Raise NellocError if torch is not installed."""
    needs(command, "train", "torch")


def needs(command: str, extra: str, *modules: str) -> None:
    """Raise NellocError if one of ``modules``, which come with an extra of nelloc, is not installed."""
    from nelloc.extras import required

    for module in modules:
        required(module, f"{command}: needs {module}", extra)


def fail(error: NellocError) -> None:
    """Print an error on one line of standard error."""
    say(f"nelloc: {error}")


def say(text: str) -> None:
    """Write a line to standard error, if that is open and can be written."""
    if sys.stderr is None:
        return
    try:
        click.echo(one_line(text), err=True)
    except OSError:
        _drop(sys.stderr)


def printable(text: str) -> str:
    """Replace control characters, which a terminal obeys: names and errors may come from a file."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def one_line(text: str) -> str:
    """Replace ends of lines too, which names may have, so that a file has one line."""
    return printable(text.replace("\n", "\\n"))


# All control characters (C0, DEL and C1) but tab and the end of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Printer:
    """Messages: data to standard output, remarks to standard error."""

    quiet: bool = False
    verbose: bool = False

    def remark(self, text: str) -> None:
        """Print ``text``, unless ``quiet``."""
        if not self.quiet:
            say(text)

    def detail(self, text: str) -> None:
        """Print ``text`` if ``verbose``."""
        if self.verbose and not self.quiet:
            say(text)


def put(output: str | bytes) -> None:
    """Write a line, or bytes as they are, to standard output. Raises NellocError if it cannot be written."""
    from nelloc.cli import standard_output

    if sys.stdout is None:
        raise NellocError("standard output: is closed; give an output file")
    try:
        standard_output.write(f"{printable(output)}\n" if isinstance(output, str) else output)
    except BrokenPipeError:
        _drop(sys.stdout)
        raise
    except OSError as error:
        _drop(sys.stdout)
        raise _unwritable(error) from error


class Commands(click.Group):
    """Group of commands whose help and version report in one line that standard output cannot be written."""

    def main(self, *arguments, **settings):
        """Run a command."""
        try:
            return super().main(*arguments, **settings)
        except OSError as error:
            # The commands say themselves what they cannot read or write, and errors of open files name one.
            if error.filename is not None or sys.stdout is None:
                raise
            _drop(sys.stdout)
            fail(_unwritable(error))
            sys.exit(1)


def _unwritable(error: OSError) -> NellocError:
    return NellocError(f"standard output: cannot be written ({error.strerror}); check its free space")


def _drop(stream: TextIO) -> None:
    """Discard the buffer of a standard stream: Python would write it at exit, fail again, and report that."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def print_json(value: Any) -> None:
    """Print a JSON object on one line of standard output."""
    put(json.dumps(_finite(value), allow_nan=False).replace("\x7f", "\\u007f"))


def _finite(value: Any) -> Any:
    """Replace numbers that JSON lacks by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def target_of(source: str, target: str | None, suffix: str) -> str:
    """Name of the output: ``target`` if given, else beside the input, or standard output for standard input.

    Raises NellocError if the input is a folder, or the output would be below a file; UsageError if the output has the
    name of a folder.
    """
    if source != STDIO and os.path.isdir(source):
        raise NellocError(f"{source}: is a folder; give a file, or -r to process all files below it")
    if target is not None:
        OutputFile()(target)
        parent = os.path.dirname(target)
        if os.path.exists(parent) and not os.path.isdir(parent):
            raise NellocError(f"{target}: {parent} is not a folder; give another output name")
        return target
    if source == STDIO:
        return STDIO
    from nelloc.files import convert as files

    return str(files.default_target(Path(source), suffix))


def read_input(name: str, extent: Extent) -> tuple[bytes, str]:
    """Bytes of a file, or of standard input for "-", and the name that errors use; of a stream those of its extent."""
    from nelloc import storage

    if name == STDIO:
        if sys.stdin is None:
            raise NellocError("standard input: is closed; give an input file")
        try:
            return storage.read_open(sys.stdin.buffer, "standard input", extent), "standard input"
        except OSError as error:
            reason = error.strerror or error
            raise NellocError(f"standard input: cannot be read ({reason}); check where it comes from") from error
    if os.path.isdir(name):
        raise NellocError(f"{name}: is a folder; give the name of a file")
    return storage.read(Path(name), extent), name


def pipe(
    source: str, target: str, conversion: Conversion, function: Callable[[bytes, str], tuple[Result, bytes]]
) -> Result:
    """Read ``source``, make the output by ``function``, and write ``target``; either may be "-"."""
    from nelloc import disk, storage

    if target != STDIO:
        disk.check_target(Path(source), Path(target), conversion.force)
    result, output = function(*read_input(source, conversion.extent))
    if target == STDIO:
        put(output)
    else:
        storage.write(Path(target), output, conversion.force)
    return replace(result, target=target)


def quiet_pillow(printer: Printer) -> None:
    """Switch off Pillow's own limit of pixels, since --max-pixels is the limit, and its warnings."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    show_own_warnings(printer)


def show_own_warnings(printer: Printer) -> None:
    """Print warnings of nelloc as remarks, each once, and no other warnings, such as Pillow's on damaged metadata."""

    def show(message, category, filename, lineno, file=None, line=None) -> None:
        printer.remark(f"nelloc: {message}")

    warnings.simplefilter("ignore")
    warnings.simplefilter("always", NellocWarning)  # which is given once
    warnings.showwarning = show


def check_core(printer: Printer, backend: str | None = None, *, encodes: bool = False) -> None:
    """Print a remark if nelloc runs on NumPy because the compiled core is not built, unless a backend was named.

    Where it ``encodes``, that tells what becomes of JPEG files.

    Raises NellocError if NELLOC_CPU asks for a level that the core does not have here.
    """
    from nelloc.exact import native

    reason = native.missing()
    if reason is None:
        native.levels()
    elif backend is None:
        more = ", and packs JPEG files as plain bytes" if encodes else ""
        printer.remark(f"nelloc: runs on NumPy, 10 to 30 times slower{more}: {reason}")


def what_computes(model: ExactModel) -> str:
    """Name of the default compute backend for ``model``, which tests it."""
    from nelloc.exact import backends, native

    name = backends.chosen(model)
    if backends.is_native(name):
        return f"the compiled core, CPU level {backends.level_of(model, name)}"
    reason = native.missing() or "the compiled core gives wrong integers on this machine"
    return f"NumPy, 10 to 30 times slower: {reason}"


def shows_bars(printer: Printer) -> bool:
    """True if bars are shown, once the work has taken a second: on a terminal. Else they need not be imported."""
    return not printer.quiet and sys.stderr is not None and sys.stderr.isatty()


def beside_bars() -> AbstractContextManager[None]:
    """Context in which lines are written to standard error, where bars may be."""
    from tqdm import tqdm

    return tqdm.external_write_mode(sys.stderr)


def progress_bar(printer: Printer, **settings: Any) -> tqdm:
    """Progress bar on standard error, if that is a terminal, after a second of work; it is removed at the end.

    ``settings`` are tqdm's, and replace the ones here.
    """
    from tqdm import tqdm

    hidden = True if printer.quiet or sys.stderr is None else None  # None: hidden unless on a terminal
    return tqdm(**{"delay": BAR_DELAY, "leave": False, "disable": hidden} | settings)


@contextmanager
def coding(printer: Printer, direction: str, **fields: Any) -> Iterator[Any]:
    """Yield options to "encode" or "decode" with, whose progress is a bar on standard error."""
    from nelloc.codec.options import DecodeOptions, EncodeOptions
    from nelloc.codec.parallel import processes_allowed
    from nelloc.codec.progress import Progress

    quiet_pillow(printer)
    check_core(printer, fields.get("backend"), encodes=direction == "encode")
    kind = EncodeOptions if direction == "encode" else DecodeOptions
    if not shows_bars(printer):
        with processes_allowed():
            yield kind(**fields)
        return
    with progress_bar(printer, total=0, unit="Mpx", unit_scale=False, bar_format=_BAR) as bar:

        class Bar(Progress):
            def expect(self, steps: int, phase: str = "") -> None:
                bar.total += steps / 1e6

            def advance(self, steps: int = 1, remark: str = "") -> None:
                bar.update(steps / 1e6)

        with processes_allowed():
            yield kind(progress=Bar(), **fields)
