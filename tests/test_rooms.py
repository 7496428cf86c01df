"""The rooms of nelloc/: a module imports from its own room and from those below it, and no circle of modules is left.

Every import counts, those inside functions too.
"""

from __future__ import annotations

import ast
from pathlib import Path

import nelloc

ROOT = Path(nelloc.__file__).parent
# From top to bottom. The rooms of one line do not import each other.
LEVELS = (
    ("__main__",),
    ("cli",),
    ("ood",),
    ("bench", "research"),
    ("plugins",),
    ("files",),
    ("api",),
    ("training",),
    ("codec",),
    ("exact",),
    ("image",),
    ("varint", "storage"),
    ("errors",),
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
LARGEST = 400  # lines of a file


def modules() -> dict[str, Path]:
    """Every module and its file; a package goes by its own name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports() -> dict[str, set[str]]:
    """The modules of nelloc that each module imports, wherever in it."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {one if one in known else str(node.module) for one in whole}
        found[name] = {target for target in targets & known.keys() if target not in ("nelloc", name)}
    return found


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_file_is_in_a_room_and_every_room_has_files():
    found = {room(name) for name in modules() if name != "nelloc"}
    assert found == set(LEVEL)


def test_no_import_goes_upwards():
    upwards = [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if name != "nelloc"
        for target in sorted(targets)
        if LEVEL[room(target)] < LEVEL[room(name)]
        or (LEVEL[room(target)] == LEVEL[room(name)] and room(target) != room(name))
    ]
    assert not upwards, "\n".join(upwards)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, found by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_no_modules_import_each_other():
    graph = {name: targets for name, targets in imports().items() if name != "nelloc"}
    assert not circles(graph)


def test_no_file_is_long():
    long = {str(path): lines for path in modules().values() if (lines := len(path.read_text().splitlines())) > LARGEST}
    assert not long
