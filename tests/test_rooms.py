"""The rooms of nelloc/: a module imports from its own room and from those below it, and no circle of modules is left.

Every import counts, those inside functions too. No source file of the repository is long.
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
    ("varint", "storage", "disk", "streams", "extras"),
    ("errors",),
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
LARGEST = 400  # lines of a file
WIDEST = 120  # columns of a line of C, as of Python
REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "native", "nelloc", "scripts", "tests", "web")
BUILT = {"build", "dist", "sources"}
SUFFIXES = {".py", ".c", ".h", ".js", ".mjs", ".ts", ".html", ".css", ".sh"}


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


def upward_imports() -> list[str]:
    return [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if name != "nelloc"
        for target in sorted(targets)
        if LEVEL[room(target)] < LEVEL[room(name)]
        or (LEVEL[room(target)] == LEVEL[room(name)] and room(target) != room(name))
    ]


def test_no_import_goes_upwards():
    assert not upward_imports(), "\n".join(upward_imports())


def test_only_the_command_line_imports_its_library():
    users = {
        name
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "click" in (getattr(node, "module", None), *(alias.name for alias in node.names))
    }
    assert {room(name) for name in users} == {"cli"}


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


def circles_of_modules() -> list[list[str]]:
    return circles({name: targets for name, targets in imports().items() if name != "nelloc"})


def test_no_modules_import_each_other():
    assert not circles_of_modules()


def lengths() -> dict[str, int]:
    return {name: len(path.read_text().splitlines()) for name, path in modules().items()}


def sources() -> dict[str, int]:
    """The lines of every source file of the repository, without what is built in folders that git ignores."""
    paths = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if path.suffix in SUFFIXES]
    paths = [path for path in paths if not BUILT & set(path.relative_to(REPOSITORY).parts)]
    paths += REPOSITORY.glob("*.py")
    return {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in paths if path.is_file()}


def test_no_file_is_long():
    found = sources()
    assert {Path(name).suffix for name in found} >= {".py", ".c", ".h", ".js", ".sh"}
    assert not {name: lines for name, lines in found.items() if lines > LARGEST}


def test_no_line_of_c_is_wide():
    paths = [REPOSITORY / name for name in sources() if name.endswith((".c", ".h"))]
    lines = [(path, k, line) for path in paths for k, line in enumerate(path.read_text().splitlines(), 1)]
    wide = [f"{path.relative_to(REPOSITORY)}:{k}" for path, k, line in lines if len(line) > WIDEST]
    assert len(paths) > 100
    assert not wide


def test_the_house_is_printed(capsys):
    """Print the rooms with their files and lines, the circles and the upward imports."""
    lines: dict[str, list[int]] = {}
    for name, count in lengths().items():
        if name != "nelloc":
            lines.setdefault(room(name), []).append(count)
    with capsys.disabled():
        print()
        for rooms in LEVELS:
            print(", ".join(f"{one} ({len(lines[one])} files, {sum(lines[one])} lines)" for one in rooms))
        print(f"{len(circles_of_modules())} circles, {len(upward_imports())} upward imports,", end=" ")
        largest, name = max((count, name) for name, count in sources().items())
        print(f"{largest} lines in the largest file of {len(sources())}, {name}")
    assert set(lines) == set(LEVEL)
