"""No ten lines of nelloc/ are written twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import nelloc

ROOT = Path(nelloc.__file__).parent
SHARED = 10  # lines; empty ones, and those of comments alone, do not count


def duplicates(files: Mapping[str, str], shared: int = SHARED) -> list[str]:
    """Places at which ``shared`` equal lines begin, whatever their indentation."""
    places: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, text in files.items():
        lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
        lines = [(n, line) for n, line in lines if line and not line.startswith("#")]
        for first in range(len(lines) - shared + 1):
            part = lines[first : first + shared]
            places[tuple(line for _, line in part)].append(f"{name}:{part[0][0]}")
    return [" = ".join(found) for found in places.values() if len(found) > 1]


def read(paths: Iterable[Path]) -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def test_no_lines_are_written_twice():
    assert not duplicates(read(ROOT.rglob("*.py")))


def test_duplicates_are_found_in_other_files_and_at_other_indentation():
    lines = [f"line {n}" for n in range(4)]
    one = "\n".join(lines)
    other = "if True:\n" + "\n\n".join(f"    {line}  # end".replace("  # end", "") for line in lines)
    assert duplicates({"a": one, "b": f"# head\n{other}"}, 4) == ["a:1 = b:3"]
    assert not duplicates({"a": one, "b": other}, 5)
