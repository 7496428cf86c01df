"""Promises of the documentation: it builds without a warning, and has every public name."""

from __future__ import annotations

import html
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nelloc

ROOT = Path(__file__).parents[1]
PLUGINS = ("nelloc.plugins.numcodecs.Nelloc", "nelloc.plugins.zarr.NellocCodec")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("mkdocstrings") is None,
    reason="needs the extra [docs]: mkdocs and mkdocstrings",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site; a link to a page or heading that is not there is a warning, and makes the build fail."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_every_public_name_is_in_the_reference_with_its_sections(site):
    pages = "".join(path.read_text() for path in (site / "api").rglob("index.html"))
    for name in (*(f"nelloc.{name}" for name in nelloc.__all__ if name != "__version__"), *PLUGINS):
        assert f'id="{name}"' in pages, name
        section = pages.split(f'id="{name}"')[1].split('<h2 id="')[0]
        text = html.unescape(re.sub("<[^>]+>", " ", section))
        found = getattr(nelloc, name.rpartition(".")[2], None)
        if callable(found) and not isinstance(found, type) and found is not nelloc.register:
            for title in ("Parameters:", "(?:Returns|Yields):", "Raises:"):
                assert re.search(title, text), f"{name}: {title}"


def test_every_page_is_in_the_table_of_contents(site):
    contents = (site / "index.html").read_text()
    for document in (ROOT / "docs").rglob("*.md"):
        page = document.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert page == "index" or f'href="{page}/"' in contents, page


def test_links_that_leave_the_documents_go_to_the_repository(site):
    guide = (site / "GUIDE" / "index.html").read_text()
    assert 'href="https://nelloc.example/repository/SECURITY.md"' in guide
