"""The page's module in headless Chromium, for benchmarks: it decodes files of a folder in a worker."""

from __future__ import annotations

import http.server
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "web"))
import chromium


def cpu_of_processes(root: int) -> float:
    """CPU seconds that a process and those which it began have taken so far, on Linux."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(path.parent.name)] = int(fields[1])
        ticks[int(path.parent.name)] = int(fields[11]) + int(fields[12])

    def is_inside(process: int) -> bool:
        while process and process != root:
            process = parents.get(process, 0)
        return process == root

    return sum(taken for process, taken in ticks.items() if is_inside(process)) / os.sysconf("SC_CLK_TCK")


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

    def cpu(self) -> float:
        """CPU seconds that the browser has taken."""
        return cpu_of_processes(self._page.process)
