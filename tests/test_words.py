"""Docstrings, comments and messages are in plain technical English.

A docstring begins with the verb of the function or the noun of the thing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("nelloc", "benchmarks", "scripts")

# First words of docstrings that describe a thing by a clause.
CLAUSE = re.compile(
    r"(What|Where|How|That|Those|These|This|So|As|Of|Whether|Which|Who|Why|When|It|There|Beside|Also|Not|Things?) "
)
# Idioms that a reader must translate.
IDIOM = re.compile(
    r"(?<!there )\bis no (?!more\b|longer\b)"  # "x is no number"
    r"|\bso (many|much|few)\b"
    r"|\bwhat (is|are|was|were) (not )?\w+ed\b"  # "what is coded"
    r"|\bwhat (is|are|was|were) (not )?(kept|lost|held|read|written|given|told|known|drawn|found|made|sent|taken)\b"
    r"|\b(is|are|be) told of\b"
    r"|\bunforeseen\b"
    r"|\bsays? (nothing|what)\b"
    r"|\bnothing with it\b"
)


def texts(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind and text of every docstring, comment and other text of a module."""
    tree = ast.parse(source)
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                docstrings.add(id(node.body[0].value))
                yield node.body[0].lineno, "docstring", text
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, "message", node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], "comment", token.string.lstrip("# ")


def faults(source: str) -> list[str]:
    found = []
    for line, kind, text in texts(source):
        if kind != "message" and (match := CLAUSE.match(text)):
            found.append(f"{line}: {kind} begins with {match[1]!r}: {text.splitlines()[0]}")
        found += [f"{line}: {match[0]!r} in a {kind}" for match in IDIOM.finditer(text)]
    return found


def modules() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_words_are_plain(path):
    assert not faults(path.read_text()), "\n".join([str(path), *faults(path.read_text())])


@pytest.mark.parametrize(
    "source",
    [
        '"""What is told of the work done."""',
        'def f():\n    """How many bits a sample has."""',
        'class A:\n    """Of the array."""',
        "x = 1  # So many pixels are coded at once.",
        "x = f'{name} is no size'",
        '"""Names of what is not kept."""',
        "# Tags that say nothing of an image.",
        "raise ValueError('unforeseen error')",
    ],
)
def test_the_dialect_is_found(source):
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Progress callbacks. The base class ignores all updates."""',
        "x = 1  # Number of pixels that are coded at once.",
        "x = f'{name}: there is no size; a file that is no longer there has none'",
    ],
)
def test_plain_words_pass(source):
    assert not faults(source)
