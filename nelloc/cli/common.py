"""What the commands share: options, the progress bar, and the edge where errors become exit codes."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from nelloc.errors import NellocError, NellocWarning, install_advice

if TYPE_CHECKING:
    from tqdm import tqdm

    from nelloc.exact.model import ExactModel
    from nelloc.files.result import Result

STDIO = "-"
# Bars show once the work has taken so many seconds.
BAR_DELAY = 1
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} Mpx [{elapsed}<{remaining}, {rate_noinv_fmt}]"
# Written out so that --help does not import the codec; a test keeps them true.
DECODER_NAMES = ("sequential", "parallel", "sheared")
BACKEND_NAMES = ("native", "numpy", "reference", "torch-float32", "torch-int8", "torch-cuda")


class Name(click.Path):
    """The name of a file, a folder or a model. An empty one, which is what an unset variable of a shell leaves, is
    refused: as a path it would be the current folder."""

    def convert(self, value, param, ctx):
        if not os.fspath(value):
            self.fail("the name is empty; give one", param, ctx)
        return super().convert(value, param, ctx)


class OutputFile(Name):
    """The name of a file to be written: not one that can only be a folder's, such as one with a slash at its end."""

    def convert(self, value, param, ctx):
        if isinstance(value, str):
            from nelloc import storage

            try:
                storage.file_path(value)
            except NellocError as error:
                self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """A callback for options that are numbers: neither nan, which no range keeps out, nor infinity."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number", context, parameter)
    return value


class Size(click.ParamType):
    """WIDTHxHEIGHT, as a pair of numbers."""

    name = "WIDTHxHEIGHT"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value)
        if match is None:
            self.fail(f"{value!r} is no size; write it as 32x32", param, ctx)
        return int(match[1]), int(match[2])


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
        help="Model file to use, if the one the file needs is not installed.",
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
    "threads": click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Cores to use.  [default: all]"),
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
    """A decorator that adds the named shared options, in this order."""

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


def needs_torch(command: str) -> None:
    """Raise NellocError if torch is not installed."""
    needs(command, "train", "torch")


def needs(command: str, extra: str, *modules: str) -> None:
    """Raise NellocError if one of ``modules``, which come with an extra of nelloc, is not installed."""
    import importlib.util

    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise NellocError(f"{command}: needs {module}, which is not installed; {install_advice(extra)}")


def fail(error: NellocError) -> None:
    """Print an error as the commands do, on one line."""
    say(f"nelloc: {error}".replace("\n", "\\n"))


def say(text: str) -> None:
    """Write a line to standard error. Where that is closed or takes no more, the work goes on without."""
    if sys.stderr is None:
        return
    try:
        click.echo(printable(text), err=True)
    except OSError:
        _drop(sys.stderr)


def printable(text: str) -> str:
    """``text`` without what a terminal obeys: names and errors may come out of a file, or be that of one."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


# All control characters (C0, DEL and C1) but tab and the end of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Printer:
    """Messages: data to standard output, remarks to standard error."""

    quiet: bool = False
    verbose: bool = False

    def remark(self, text: str) -> None:
        if not self.quiet:
            say(text)

    def detail(self, text: str) -> None:
        if self.verbose and not self.quiet:
            say(text)


def put(output: str | bytes) -> None:
    """Write a line, or bytes as they are, to standard output. Raises NellocError if it takes no more."""
    if sys.stdout is None:
        raise NellocError("standard output: is closed; give an output file")
    try:
        click.echo(_encodable(f"{printable(output)}\n") if isinstance(output, str) else output, nl=False)
    except BrokenPipeError:
        _drop(sys.stdout)
        raise
    except OSError as error:
        _drop(sys.stdout)
        raise _unwritable(error) from error


class Commands(click.Group):
    """A group of commands whose help and version end in one line where standard output takes no more."""

    def main(self, *arguments, **settings):
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


def _encodable(text: str) -> str | bytes:
    """Text as standard output takes it: names that are not text as the bytes that they are, and what else its encoding
    lacks with backslashes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding, getattr(sys.stdout, "errors", None) or "strict")
    except UnicodeEncodeError:
        try:
            return text.encode(encoding, "surrogateescape")
        except UnicodeEncodeError:
            return text.encode(encoding, "backslashreplace")
    return text


def _drop(stream: TextIO) -> None:
    """Send what a standard stream still holds nowhere: Python would write it at exit, fail again, and say so."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def print_json(value: Any) -> None:
    """One JSON object on one line of standard output."""
    put(json.dumps(_finite(value), allow_nan=False).replace("\x7f", "\\u007f"))


def _finite(value: Any) -> Any:
    """The same with null for numbers that JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def target_of(source: str, target: str | None, suffix: str) -> str:
    """Where the output goes: as asked, else beside the input, or to standard output if that is a pipe.

    Raises NellocError where a folder is the input, or the output is to be below a file; UsageError for the name of a
    folder as the output.
    """
    if source != STDIO and os.path.isdir(source):
        raise NellocError(f"{source}: is a folder; give a file, or -r to take all files that are below it")
    if target is not None:
        OutputFile()(target)
        parent = os.path.dirname(target)
        if os.path.exists(parent) and not os.path.isdir(parent):
            raise NellocError(f"{target}: {parent} is no folder; give another output name")
        return target
    if source == STDIO:
        return STDIO
    from nelloc.files import convert as files

    return str(files.default_target(Path(source), suffix))


def folder_of(source: str) -> Path | None:
    """The folder of an input file, where its model may be."""
    return None if source == STDIO else Path(source).parent


def read_input(name: str) -> tuple[bytes, str]:
    """The bytes of a file, or of standard input for "-", and the name that errors use."""
    from nelloc import storage

    if name == STDIO:
        if sys.stdin is None:
            raise NellocError("standard input: is closed; give an input file")
        return sys.stdin.buffer.read(), "standard input"
    if os.path.isdir(name):
        raise NellocError(f"{name}: is a folder; give the name of a file")
    return storage.read(Path(name)), name


def pipe(source: str, target: str, force: bool, function: Callable[[bytes, str], tuple[Result, bytes]]) -> Result:
    """Where standard input or output is meant: read ``source``, let ``function`` make the output, write ``target``."""
    from nelloc import storage

    if target != STDIO:
        storage.check_target(Path(source), Path(target), force)
    result, output = function(*read_input(source))
    if target == STDIO:
        put(output)
    else:
        storage.write(Path(target), output, force)
    return replace(result, target=target)


def quiet_pillow(printer: Printer) -> None:
    """Let --max-pixels alone limit the size of images, and Pillow say nothing of what it reads."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    show_own_warnings(printer)


def show_own_warnings(printer: Printer) -> None:
    """Print warnings of nelloc as remarks, each once, and no others: on damaged metadata and the like."""

    def show(message, category, filename, lineno, file=None, line=None) -> None:
        printer.remark(f"nelloc: {message}")

    warnings.simplefilter("ignore")
    warnings.simplefilter("always", NellocWarning)  # which is given once
    warnings.showwarning = show


def check_core(printer: Printer, backend: str | None = None) -> None:
    """Say in one line that nelloc runs on NumPy where the compiled core is not built, unless a backend was named.

    Raises NellocError if NELLOC_CPU asks for a level that the core does not have here.
    """
    from nelloc.exact import native

    reason = native.missing()
    if reason is None:
        native.levels()
    elif backend is None:
        printer.remark(f"nelloc: runs on NumPy, 10 to 30 times slower: {reason}")


def what_computes(model: ExactModel) -> str:
    """What computes here by default, in some words; with a model, for which it is tested."""
    from nelloc.exact import backends, native

    name = backends.chosen(model)
    if backends.is_native(name):
        return f"the compiled core, CPU level {backends.level_of(model, name)}"
    reason = native.missing() or "the compiled core gives wrong integers on this machine"
    return f"NumPy, 10 to 30 times slower: {reason}"


def progress_bar(printer: Printer, **settings: Any) -> tqdm:
    """A bar of tqdm on standard error, where that is a terminal, once the work has taken a second; it goes in the end.

    ``settings`` are tqdm's, for another bar than that.
    """
    from tqdm import tqdm

    hidden = True if printer.quiet or sys.stderr is None else None  # None: hidden unless on a terminal
    return tqdm(**{"delay": BAR_DELAY, "leave": False, "disable": hidden} | settings)


@contextmanager
def coding(printer: Printer, direction: str, **fields: Any) -> Iterator[Any]:
    """Options to "encode" or "decode" with, whose progress is a bar on standard error."""
    from nelloc.codec.options import DecodeOptions, EncodeOptions
    from nelloc.codec.parallel import processes_allowed
    from nelloc.codec.progress import Progress

    quiet_pillow(printer)
    check_core(printer, fields.get("backend"))
    with progress_bar(printer, total=0, unit="Mpx", unit_scale=False, bar_format=_BAR) as bar:

        class Bar(Progress):
            def expect(self, steps: int, phase: str = "") -> None:
                bar.total += steps / 1e6

            def advance(self, steps: int = 1, remark: str = "") -> None:
                bar.update(steps / 1e6)

        with processes_allowed():
            kind = EncodeOptions if direction == "encode" else DecodeOptions
            yield kind(progress=Bar(), **fields)
