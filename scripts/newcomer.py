"""Do what README says, in an empty environment: build a wheel, install it, and run every command and snippet.

    python scripts/newcomer.py           # builds the wheel of what git has, with README's command
    python scripts/newcomer.py WHEEL     # takes a wheel that was built

What the commands print is compared with README. Exit status 0 if all is as README says.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHOTOGRAPH = ROOT / "docs" / "images" / "parrots.png"
SMALL = "from PIL import Image; Image.open('photo.png').crop((300, 200, 428, 296)).save('photos/small.png')"
COMPARE = """
import importlib.util
import numpy as np
from PIL import Image
import nelloc

assert importlib.util.find_spec("torch") is None
assert "site-packages" in nelloc.__file__, nelloc.__file__
want = np.asarray(Image.open("photo.png"))
nelloc.register()
for name in ("back.png", "again.nlc"):
    assert np.array_equal(np.asarray(Image.open(name)), want), name
assert np.array_equal(np.asarray(Image.open("archive/small.nlc")), np.asarray(Image.open("photos/small.png")))
"""


def blocks(language: str) -> list[str]:
    """The code blocks of README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)


def lines_with(word: str) -> str:
    """The one line of README's shell blocks that has a word."""
    (found,) = [line for block in blocks("sh") for line in block.splitlines() if word in line]
    return found


def inline(start: str) -> str:
    """The command in README's prose that begins so."""
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    (found,) = re.findall(rf"`({re.escape(start)}[^`]*)`", text)
    return found


def build(folder: Path) -> None:
    """Build the wheel of what git has into folder/dist, by README's command."""
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    run(lines_with("pip wheel"), source)
    shutil.move(source / "dist", folder / "dist")


def run(command: str, folder: Path, path: str | None = None) -> list[str]:
    """Run a line of a shell and return what it prints, on either stream. Raises SystemExit if it fails."""
    print(f"$ {command}", flush=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1", "PYTHONIOENCODING": "utf-8"}
    if path is not None:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    said = done.stdout.decode("utf-8", "replace").splitlines()
    print(*said, sep="\n", flush=True)
    if done.returncode:
        sys.exit(f"{command}: exit status {done.returncode}")
    return said


def follow(folder: Path) -> None:
    """Install the wheel in folder/dist into an empty environment, and do what README says."""
    venv.create(folder / "empty", with_pip=True)
    path = str(folder / "empty" / ("Scripts" if os.name == "nt" else "bin"))
    run(lines_with("pip install"), folder, path)
    shutil.copyfile(PHOTOGRAPH, folder / "photo.png")
    (folder / "photos").mkdir()
    run(f'python -c "{SMALL}"', folder, path)

    (session,) = blocks("console")
    for command, *expected in (part.splitlines() for part in session.split("$ ")[1:]):
        said = [line for line in run(command, folder, path) if "runs on NumPy" not in line]
        if said != expected:
            sys.exit(f"{command}: printed {said}, and README says {expected}")

    for start in ("nelloc compress -r", "nelloc bench"):
        said = run(inline(start), folder, path)
    if not any(line.startswith("nelloc default ") for line in said):
        sys.exit("nelloc bench: its table does not have nelloc")

    (snippet,) = blocks("python")
    (folder / "snippet.py").write_text(snippet, "utf-8")
    run("python snippet.py", folder, path)
    (folder / "compare.py").write_text(COMPARE, "utf-8")
    run("python compare.py", folder, path)
    print("all is as README says")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=Path)
    wheel = parser.parse_args().wheel
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if wheel is None:
            build(folder)
        else:
            (folder / "dist").mkdir()
            shutil.copy(wheel, folder / "dist")
        follow(folder)


if __name__ == "__main__":
    main()
