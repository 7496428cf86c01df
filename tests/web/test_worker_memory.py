"""The worker's memory: places beyond 2 GiB, which come with a sign, and sizes that no place has room for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

WORKER = Path(__file__).parents[2] / "web" / "nelloc-worker.js"
# The worker with a library that has one image and all of its memory beyond 2 GiB.
PROGRAM = """
const fs = require("fs"), vm = require("vm");
const high = 2 ** 31, memory = { buffer: new ArrayBuffer(high + 4096) }, asked = [], said = [];
const numbers = [WIDTH, HEIGHT, 1, 3, 1, 8, 256, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const exports = {
    memory,
    take(size) { asked.push(size); return (high + 64) | 0; },
    give() {},
    open: () => 0,
    name_of: () => 0,
    image(place) { new Float64Array(memory.buffer, place >>> 0, 18).set(numbers); return 18; },
    decode: () => 0,
    make_png_of_shown() { new Uint8Array(memory.buffer).set([1, 2, 3], high + 8); return (high + 8) | 0; },
    png_size: () => 3,
    free_png() {},
    version: () => 0,
};
const context = vm.createContext({
    performance, Uint8Array, Float64Array, Uint8ClampedArray, Array, TextDecoder,
    WebAssembly: { Instance: class { exports = exports; } },
    postMessage: (message) => said.push(message),
});
vm.runInContext(fs.readFileSync(process.argv[1], "utf8"), context);
const ask = (command, more) => context.onmessage({ data: { id: said.length, command, ...more } });
ask("start", { models: [] });
ask("open", { data: new ArrayBuffer(5), maxPixels: 2 ** 40, memoryLimit: 0 });
ask("decode", { allowDamaged: false });
ask("png", { ifQuick: false });
console.log(JSON.stringify({ asked, said: said.map(({ event, message, result }) =>
    ({ event, message, pixels: result?.pixels?.length, png: result?.png && Array.from(result.png) })) }));
"""


def run(width: int, height: int) -> dict:
    """What the worker asks of the library, and says, for an image of this size."""
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    program = PROGRAM.replace("WIDTH", str(width)).replace("HEIGHT", str(height))
    done = subprocess.run(["node", "-e", program, str(WORKER)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_places_beyond_2_gigabytes_are_where_bytes_are():
    found = run(4, 2)
    assert [said["event"] for said in found["said"]] == ["done"] * 4
    assert found["said"][2]["pixels"] == 32
    assert found["said"][3]["png"] == [1, 2, 3]


def test_memory_of_more_bytes_than_there_are_places_is_not_asked_for():
    found = run(1 << 16, 1 << 15)
    assert "there is not enough memory to show it" in found["said"][2]["message"]
    assert max(found["asked"]) < 1 << 32
