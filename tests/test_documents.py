"""Promises of the documents: what they point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "docs/methods", "weights", "benchmarks/results")
    for path in (ROOT / folder).glob("*.md")
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(document):
    links = re.findall(r"\]\(([^)#]+)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


def test_the_files_that_readme_names_are_there():
    names = re.findall(
        r"`((?:tests|scripts|benchmarks|docs|weights|nelloc)/[\w./-]+)`", (ROOT / "README.md").read_text()
    )
    assert names
    assert not [name for name in names if not (ROOT / name).exists()]


def test_two_sources_are_not_built_in_one_folder():
    found = re.findall(r"cmake -S (\S+) -B (\S+)", "".join(path.read_text() for path in DOCUMENTS))
    assert len({source for source, _ in found}) > 1
    assert len({folder for _, folder in set(found)}) == len(set(found))  # CMake refuses another source there


REPORTS = sorted(
    path for path in (ROOT / "benchmarks" / "results").rglob("*") if path.suffix in (".md", ".csv", ".json")
)


@pytest.mark.parametrize("document", sorted({*DOCUMENTS, *REPORTS}), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_folder_of_one_machine_is_named(document):
    assert not re.findall(r"(?<![\w.:/])/(?:work|home|root|tmp|opt|mnt|Users)/\S*", document.read_text())
