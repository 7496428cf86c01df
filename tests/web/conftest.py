"""The built page, a browser, and a server of the page.

The page is built by web/build.sh, or taken from the folder that NELLOC_PAGE names.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path

import chromium
import pytest
from materials import GOLDEN

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dist(tmp_path_factory) -> Path:
    """The folder of the built page."""
    if "NELLOC_PAGE" in os.environ:
        return Path(os.environ["NELLOC_PAGE"])
    for needed in ("clang", "wasm-ld", "curl", "bash"):
        if shutil.which(needed) is None:
            pytest.skip(f"needs {needed}")
    folder = tmp_path_factory.mktemp("page")
    done = subprocess.run(["bash", ROOT / "web" / "build.sh", folder], capture_output=True, text=True, check=False)
    if done.returncode and ("curl" in done.stderr or "wasm32" in done.stderr):
        pytest.skip(f"the page cannot be built here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A page of a headless Chromium."""
    if chromium.program() is None:
        pytest.skip("needs Chromium")
    page = chromium.Page(tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


@pytest.fixture(scope="session")
def served_folder(dist, tmp_path_factory) -> Path:
    """The folder of a server: the page, and the golden files."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(dist, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("objects"))
    shutil.copytree(GOLDEN, folder / "golden")
    shutil.copytree(ROOT / "weights", folder / "weights", ignore=shutil.ignore_patterns("checkpoints", "ood"))
    return folder


@pytest.fixture(scope="session")
def served(served_folder):
    """The address of the server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served_folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
