"""Kill runs over a folder at random moments, and check the files.

    for seed in 0 1 2 3 4 5 6 7 8; do
        python scripts/kill_folder_runs.py --kills 30 --seed $seed --out benchmarks/results/kills.md
    done

A run compresses or decompresses a tree of small images, in one process or two, with or without --rm, and gets SIGKILL,
alone or with its processes, at a random moment: some milliseconds after a number of targets, drawn at random, exists,
or at the next temporary file. After each kill every target must be absent or whole, with its input's modification time,
and every input must exist unless its target does. Runs over one tree are killed up to six times; then one is left to
finish, and must leave all targets, and nothing else. Runs are forked from this process, which has imported all modules,
so that kills hit their work.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nelloc.bench import markdown
from nelloc.cli.main import main as nelloc
from nelloc.files.batch.plan import SMALL_BYTES

KILLS_BEFORE_THE_END = 6
TEMPORARY = ".nelloc-*.part"


@dataclass(frozen=True)
class Case:
    """Kind of run, and its flags."""

    command: str
    jobs: int
    remove: bool

    @property
    def flags(self) -> list[str]:
        return ["--jobs", str(self.jobs), *(["--rm"] if self.remove else [])]

    def __str__(self) -> str:
        return " ".join([self.command, *self.flags])


CASES = [
    Case(command, jobs, remove)
    for jobs, remove in ((1, False), (1, True), (1, False), (1, True), (2, True))
    for command in ("compress", "decompress")
]


@dataclass(frozen=True)
class Trees:
    """Inputs of a direction, and the outputs of an undisturbed run: bytes and times by name."""

    folder: Path
    inputs: dict[str, tuple[bytes, int]]
    outputs: dict[str, tuple[bytes, int]]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and modification times of all files below a folder, except temporary ones, by their names."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.match(TEMPORARY))
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def temporary(folder: Path) -> list[Path]:
    """List temporary files below a folder."""
    return list(folder.rglob(TEMPORARY))


def count_of(folder: Path) -> int:
    """Number of files below a folder, except temporary ones."""
    return sum(not path.match(TEMPORARY) for path in folder.glob("*/*/*.*"))


def make_images(folder: Path, count: int) -> None:
    """Make a tree of small images; every other file is too large to be coded together with others, by a long text."""
    draw = np.random.default_rng(1)
    for number in range(count):
        path = folder / f"{number % 3}" / "below" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        more = PngInfo()
        if number % 2:
            more.add_text("noise", draw.integers(33, 127, SMALL_BYTES + 1, np.uint8).tobytes().decode())
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path, pnginfo=more)
        os.utime(path, ns=(10**18, 10**18 + 1_000_003 * number))


def start(case: Case, source: Path, target: Path, model: str) -> int:
    """Start a run in its own process and process group; return its id."""
    arguments = [case.command, "-r", str(source), "--output-dir", str(target), "--threads", "1", "--model", model]
    if case.command == "compress" and not case.remove:
        arguments.append("--no-verify")
    number = os.fork()
    if number:
        return number
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        nelloc([*arguments, *case.flags], standalone_mode=False)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        os._exit(1)


def finish(case: Case, source: Path, target: Path, model: str) -> None:
    """Run to the end. Raises AssertionError if it fails."""
    _, status = os.waitpid(start(case, source, target, model), 0)
    assert status == 0, f"{case}: ended with status {status}"


def kill_one(case: Case, source: Path, target: Path, model: str, count: int, draw: random.Random) -> bool:
    """Start a run that makes ``count`` targets in total, and kill it; return False if it ended before."""
    wanted = draw.randrange(count_of(target), count + 1)
    at_writing, delay = draw.random() < 0.5, draw.random() * 0.03
    run = start(case, source, target, model)
    ended, status, moment = 0, 0, None
    while not ended:
        if moment is None and count_of(target) >= wanted:
            moment = time.monotonic() + delay
        if moment is not None and (temporary(target) if at_writing else time.monotonic() > moment):
            break
        time.sleep(0.001)
        ended, status = os.waitpid(run, os.WNOHANG)
    if not ended:
        try:
            (os.killpg if draw.random() < 0.5 else os.kill)(run, signal.SIGKILL)
        except ProcessLookupError:  # not yet a group
            os.kill(run, signal.SIGKILL)
        _, status = os.waitpid(run, 0)
    wait_for_group(run)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def wait_for_group(group: int) -> None:
    """Wait until the processes of a killed run have noticed and ended."""
    for _ in range(3000):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"processes of group {group} outlive their run")


def check(case: Case, trees: Trees, source: Path, target: Path) -> None:
    """Raise AssertionError if a target is neither absent nor whole, or an input is lost."""
    inputs, outputs = contents(source), contents(target)
    for name, found in outputs.items():
        assert found == trees.outputs[name], f"{case}: {name} is not whole"
    for name, expected in trees.inputs.items():
        output = str(Path(name).with_suffix(".nlc" if case.command == "compress" else ".png"))
        if name in inputs:
            assert inputs[name] == expected, f"{case}: {name} was changed"
        else:
            assert case.remove, f"{case}: {name} is gone"
            assert output in outputs, f"{case}: {name} is lost"


def run_tree(case: Case, trees: Trees, model: str, kills: int, draw: random.Random, counts: Counter[str]) -> None:
    """Kill runs over one tree, up to a number of times, then let one finish."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        shutil.copytree(trees.folder, source)
        for _ in range(kills):
            if kill_one(case, source, target, model, len(trees.outputs), draw):
                counts["killed"] += 1
                counts["temporary files left"] += len(temporary(target))
                done = len(contents(target))
                counts[("nothing" if not done else "a part" if done < len(trees.outputs) else "all") + " done"] += 1
            else:
                counts["ended before"] += 1
            check(case, trees, source, target)
        finish(case, source, target, model)
        counts["finished"] += 1
        assert contents(target) == trees.outputs, f"{case}: the last run did not finish the work"
        assert not temporary(target), f"{case}: temporary files are left"
        assert contents(source) == ({} if case.remove else trees.inputs), f"{case}: inputs are not as they should be"


HEAD = ("killed", "nothing done", "a part done", "all done", "temporary files left", "ended before", "finished")


def table(counts: dict[str, Counter[str]]) -> str:
    """Format the counts of each kind of run, and of all, as Markdown."""
    rows = [*counts.items(), ("all", sum(counts.values(), Counter()))]
    return markdown.table(["run", *HEAD], ([name, *(count[key] for key in HEAD)] for name, count in rows)).rstrip()


def earlier(path: Path) -> tuple[list[str], dict[str, Counter[str]]]:
    """Read the seeds and counts in a file."""
    if not path.exists():
        return [], {}
    seeds, counts = "", {}
    for line in path.read_text().splitlines():
        if line.startswith("Seeds: "):
            seeds = line.removeprefix("Seeds: ").rstrip(".")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(HEAD) + 1 and cells[1].isdigit() and cells[0] != "all":
            counts[cells[0]] = Counter(dict(zip(HEAD, map(int, cells[1:]), strict=True)))
    return seeds.split(", "), counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="add the figures to those of this file")
    args = parser.parse_args()
    draw = random.Random(args.seed)
    counts: dict[Case, Counter[str]] = {case: Counter() for case in CASES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_images(folder / "images", args.images)
        finish(CASES[0], folder / "images", folder / "files", args.model)  # imports what runs need
        finish(Case("decompress", 1, False), folder / "files", folder / "back", args.model)
        images, files, back = (contents(folder / part) for part in ("images", "files", "back"))
        trees = {
            "compress": Trees(folder / "images", images, files),
            "decompress": Trees(folder / "files", files, back),
        }
        total = 0
        while total < args.kills:
            case = CASES[(3 * args.seed + sum(count["finished"] for count in counts.values())) % len(CASES)]
            kills = min(KILLS_BEFORE_THE_END, args.kills - total)
            run_tree(case, trees[case.command], args.model, kills, draw, counts[case])
            total = sum(count["killed"] for count in counts.values())
            print(f"{total} kills, nothing lost", flush=True)
    found = {str(case): count for case, count in counts.items()}
    print(table(found))
    if args.out is not None:
        seeds, before = earlier(args.out)
        for name, count in before.items():
            found[name] = count + found.get(name, Counter())
        text = (
            "# Killed runs\n\nMade by `python scripts/kill_folder_runs.py`: runs over a tree of small images get "
            "SIGKILL. After every kill each target was absent or whole, with its input's time, and each input was "
            "there unless its target was; every last run finished the work and left no temporary file. *Killed* are "
            "the kills that hit a run, by what was done when they did; *ended before* are runs that were done before "
            f"their moment.\n\nSeeds: {', '.join([*seeds, str(args.seed)])}.\n\n"
        )
        args.out.write_text(f"{text}{table(found)}\n")


if __name__ == "__main__":
    main()
