"""Driving a headless Chromium by its DevTools protocol, over pipes, without any other package."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_EXEC = """
import os, sys
own = [os.dup(int(number)) for number in sys.argv[1:3]]
while min(own) < 5:
    own = [os.dup(number) for number in own]
os.dup2(own[0], 3)
os.dup2(own[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")


def program() -> str | None:
    """The browser that is installed, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page of a browser of its own."""

    def __init__(self, folder: Path, width: int = 1200, height: int = 760):
        self._numbers = itertools.count(1)
        self._events: list[dict[str, Any]] = []
        self._buffer = b""
        read_in, self._out = os.pipe()
        self._in, write_out = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += [
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
            f"--window-size={width},{height}",
            "about:blank",
        ]
        # The browser reads commands from 3 and writes answers to 4.
        command = [sys.executable, "-c", _EXEC, str(read_in), str(write_out), program() or "", *flags]
        self._process = subprocess.Popen(
            command, pass_fds=(read_in, write_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read_in)
        os.close(write_out)
        self.process = self._process.pid
        self._session = None
        found = self._call("Target.createTarget", url="about:blank")
        self._session = self._call("Target.attachToTarget", targetId=found["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        self.resize(width, height)

    def resize(self, width: int, height: int, mobile: bool = False) -> None:
        """Make the window of this size."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def dark(self, is_dark: bool) -> None:
        """Let the page know what the user prefers."""
        value = "dark" if is_dark else "light"
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def save_downloads(self, folder: Path) -> None:
        """Put what is saved into a folder."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), session=None)

    def go(self, url: str) -> None:
        """Load a page, and wait until it is there."""
        self._events.clear()
        self._call("Page.navigate", url=url)
        self.wait(lambda: any(event["method"] == "Page.loadEventFired" for event in self._events))

    def run(self, code: str) -> Any:
        """The value of an expression of JavaScript, which may be a promise."""
        found = self._call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"], indent=1))
        return found["result"].get("value")

    def wait(self, condition: str | Callable[[], bool], seconds: float = 60) -> None:
        """Wait until an expression of JavaScript is true."""
        end = time.monotonic() + seconds
        while not (self.run(condition) if isinstance(condition, str) else condition()):
            self._receive(0.05)
            if time.monotonic() > end:
                raise TimeoutError(condition)

    def give_files(self, *paths: Path) -> None:
        """Choose files in the page's input."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def drop(self, *paths: Path) -> None:
        """Drop files on the middle of the stage."""
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        middle = "(r => [r.left + r.width / 2, r.top + r.height / 2])"
        x, y = self.run(f"{middle}(document.getElementById('stage').getBoundingClientRect())")
        for kind in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def press(self, key: str) -> None:
        """Press a key."""
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, text=text if kind == "keyDown" else "")

    def screenshot(self, path: Path) -> None:
        """Save what is to be seen."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was loaded."""
        self._receive(0.1)
        return [e["params"]["request"]["url"] for e in self._events if e["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """Errors of the page's code, and what the browser logged as errors."""
        self._receive(0.1)
        found = [
            e["params"]["exceptionDetails"]["text"] for e in self._events if e["method"] == "Runtime.exceptionThrown"
        ]
        logged = [e["params"]["entry"] for e in self._events if e["method"] == "Log.entryAdded"]
        return found + [entry["text"] for entry in logged if entry["level"] == "error"]

    def close(self) -> None:
        """End the browser."""
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        self._process.wait(20)

    def _call(self, method: str, session: str | None = "", **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None and self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 120
        while time.monotonic() < end:
            for answer in self._receive(1):
                if answer.get("id") == number:
                    if "error" in answer:
                        raise RuntimeError(f"{method}: {answer['error']}")
                    return answer["result"]
        raise TimeoutError(method)

    def _receive(self, seconds: float) -> list[dict[str, Any]]:
        """Answers that came; events are kept."""
        if select.select([self._in], [], [], seconds)[0]:
            part = os.read(self._in, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self._buffer += part
        *whole, self._buffer = self._buffer.split(b"\0")
        answers = [json.loads(message) for message in whole]
        self._events += [answer for answer in answers if "method" in answer]
        return answers
