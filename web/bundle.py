"""Put the page into one file, with the decoder inside.

    python web/bundle.py DIST

reads what web/build.sh has put into DIST, and writes DIST/nelloc.html, which needs no server.
"""

from __future__ import annotations

import base64
import re
import sys
import zlib
from pathlib import Path

# Before the module of the page: where the decoder is, in this case.
UNPACK = """
const packed = Uint8Array.from(atob(document.getElementById("nelloc-wasm").textContent), (c) => c.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
module = new Response(unpacked).arrayBuffer().then((bytes) => WebAssembly.compile(bytes));
const code = document.getElementById("nelloc-worker").textContent;
workerURL = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
"""


def bundle(folder: Path) -> str:
    """The page as one file."""

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    def as_script(name: str) -> str:
        code = re.sub(r"^import .*;$", "", text(name), flags=re.MULTILINE)
        code = re.sub(r"^export ", "", code, flags=re.MULTILINE)
        assert "</script" not in code
        return code

    wasm = base64.b64encode(zlib.compress((folder / "nelloc.wasm").read_bytes(), 9)).decode()
    inside = (
        f'<script type="text/plain" id="nelloc-worker">{as_script("nelloc-worker.js")}</script>\n'
        f'<script type="text/plain" id="nelloc-wasm">{wasm}</script>\n'
        f'<script type="module">{as_script("nelloc.js")}{UNPACK}{as_script("page.js")}</script>'
    )
    page = text("index.html")
    for place, content in {
        '<link rel="stylesheet" href="page.css">': f"<style>{text('page.css')}</style>",
        '<script type="module" src="page.js"></script>': inside,
    }.items():
        assert page.count(place) == 1
        page = page.replace(place, content)
    return page


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "nelloc.html").write_text(bundle(target), encoding="utf-8")
