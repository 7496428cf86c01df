"""The page's module in headless Chromium, for benchmarks: it decodes files of a folder in a worker."""

from __future__ import annotations

import http.server
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "web"))
import chromium


class Browser:
    """A browser that is given the files of ``dist``, the built page, and of ``folder``."""

    def __init__(self, dist: Path, folder: Path):
        places = folder.resolve(), dist.resolve()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def translate_path(self, path: str) -> str:
                name = Path(path.partition("?")[0]).name
                return str(next((place / name for place in places if (place / name).exists()), places[0] / name))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._page = chromium.Page(folder / "profile")

    def run(self, code: str) -> Any:
        """The value of an expression of JavaScript in the page, which is opened for it."""
        self._page.go(f"http://127.0.0.1:{self._server.server_port}/index.html")
        return self._page.run(code)
