"""Memory of a codec: the increase of a fresh process's peak when it encodes, or decodes, one picture.

A process is started for each direction. It loads the codec and the picture, codes a tiny picture first, so that
libraries and models are loaded, and then the peak of the process before and after is compared. Programs on PATH run in
their own processes, of which the largest counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nelloc.bench.interface import Codec, Picture

# Environment variable in a process whose programs are watched: a file for their peaks, a line each, in kilobytes.
_WATCH = "NELLOC_BENCH_WATCH"
# Script of a small process between this one and a program, since a started process inherits the peak.
_WATCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
unit = 1024 if sys.platform == "darwin" else 1
with open(sys.argv[1], "a") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // unit, file=file)
sys.exit(code)
"""


@dataclass(frozen=True)
class MemoryUse:
    """Bytes that encoding and decoding add to a process, and the picture that was measured."""

    picture: str
    encode: int
    decode: int


def peak() -> int | None:
    """Peak memory of this process in kilobytes; None if the system does not report it."""
    with contextlib.suppress(OSError):
        # Avoid getrusage where possible: its peak is inherited from the parent process.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])
    with contextlib.suppress(ImportError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used // 1024 if sys.platform == "darwin" else used
    return None


def watched(command: Sequence[str | Path]) -> list[str | Path]:
    """Wrap a command so that its memory is recorded, if ``measure`` asks for that."""
    log = os.environ.get(_WATCH)
    return list(command) if log is None else [sys.executable, "-S", "-E", "-c", _WATCHER, log, *command]


def measure(codec: Codec, picture: Picture, data: bytes) -> MemoryUse | None:
    """Measure the memory of a codec for one picture and its file; None if that is impossible."""
    if peak() is None:
        return None
    encode, decode = (_in_process(codec, picture, data, direction) for direction in ("encode", "decode"))
    return None if encode is None or decode is None else MemoryUse(picture.name, 1024 * encode, 1024 * decode)


def _in_process(codec: Codec, picture: Picture, data: bytes, direction: str) -> int | None:
    """Kilobytes that one direction adds, measured in a new process."""
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), *sys.path]))
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=pickle.dumps((codec, picture, data, direction)),
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def _measured(codec: Codec, picture: Picture, data: bytes, direction: str) -> int:
    """Kilobytes that one direction adds to this process, or the largest peak of the programs that it starts."""
    small = replace(picture.pixels, groups=tuple(group[:, :16, :16] for group in picture.pixels.groups))
    codec.decode(codec.encode(Picture.of("small", small)))
    log = Path(os.environ[_WATCH])
    log.write_text("")
    before = peak() or 0
    if direction == "encode":
        codec.encode(picture)
    else:
        codec.decode(data)
    # At least 0: page counts are approximate, so a later peak can be some pages lower.
    return max([0, (peak() or 0) - before, *map(int, log.read_text().split())])


def _main() -> None:
    arguments = pickle.load(sys.stdin.buffer)
    with tempfile.TemporaryDirectory(prefix="nelloc-bench-") as folder:
        os.environ[_WATCH] = str(Path(folder, "peaks"))
        sys.stdout.write(json.dumps(_measured(*arguments)))


if __name__ == "__main__":
    _main()
