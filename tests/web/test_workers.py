"""Several workers that decode a file: the pixels, tiles, damage and errors of one, and an end of all of them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jpeg_samples import keep
from PIL import Image

import nelloc
from nelloc.codec import container

pytestmark = pytest.mark.slow
PHOTOGRAPH = Path(__file__).parents[2] / "docs" / "images" / "parrots.png"
ROWS = 3  # of tiles in the files, whose tiles are so small that a row of them is decoded side by side
PARROTS = np.asarray(Image.open(PHOTOGRAPH).convert("RGB"))

# Count workers that are begun, and those that were ended; and open a file that is given in base64.
BEGIN = """
    const count = { begun: 0, ended: 0 };
    const Own = self.BrowserWorker ??= Worker;
    self.Worker = class extends Own {
        constructor(...given) { super(...given); count.begun++; }
        terminate() { super.terminate(); count.ended++; }
    };
    const { open } = await import('/nelloc.js');
    const hash = (data) => {
        let crc = -1;
        for (const byte of data) {
            crc ^= byte;
            for (let k = 0; k < 8; k++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
        }
        return ~crc >>> 0;
    };
"""
DECODE = """
    const seen = { tiles: new Set(), progress: [] };
    const file = await open(NAME, OPEN);
    let found = {};
    try {
        const image = await file.decode({
            ...DECODE,
            onTile: (tile) => { if (!tile.isPreview) seen.tiles.add(`${tile.left},${tile.top}`); },
            onProgress: (done, total) => seen.progress.push(done / total),
        });
        found = { pixels: hash(image.data), png: hash(await file.toPNG()) };
    } catch (error) {
        found = { code: error.code, message: error.message };
    }
    file.close();
    return { ...found, ...count, shown: seen.tiles.size, progress: seen.progress, damaged: file.damagedTiles,
        tiles: file.tiles.map((tile) => tile.damaged) };
"""


def script(code: str, **words: str) -> str:
    """An expression of JavaScript: code in a function, with words replaced."""
    for word, value in words.items():
        code = code.replace(word, value)
    return f"(async () => {{ {BEGIN} {code} }})()"


@pytest.fixture(scope="module")
def folder(served_folder) -> Path:
    """A folder that is served, with files of several tiles."""
    made = served_folder / "workers"
    made.mkdir(exist_ok=True)
    crop = PARROTS[:200, :300]
    alpha = np.dstack([crop, 255 - crop[..., 1]])
    images = {
        "photograph": crop,
        "alpha": alpha,
        "deep": crop[..., 0].astype(np.uint16) * 257 + crop[..., 1],
        "palette": Image.fromarray(crop).quantize(40),
        "bits": Image.fromarray(crop).convert("1"),
    }
    for name, image in images.items():
        (made / f"{name}.nlc").write_bytes(nelloc.encode(image, tile=96, model="fast"))
        if name != "deep":  # of which the page shows the upper byte
            (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(made / f"{name}.png")
    (made / "large.nlc").write_bytes(nelloc.encode(PARROTS[:400, :400], tile=200, model="fast"))
    Image.fromarray(PARROTS).save(made / "camera.jpg", quality=88)
    keep(made / "camera.nlc", (made / "camera.jpg").read_bytes())
    file = container.parse((made / "photograph.nlc").read_bytes(), "file")
    damaged = replace(file.records[5], view=b"\1\2\3\4" * 200)
    assert damaged.method.needs_model
    records = (*file.records[:5], damaged, *file.records[6:])
    (made / "damaged.nlc").write_bytes(container.pack(replace(file, records=records)))
    return made


@pytest.fixture
def decode(browser, served, folder):
    """A function that decodes a file in the page's module, and gives what is found."""
    browser.go(f"{served}/index.html")

    def call(name: str, options: str = "{}", opened: str = "{}") -> dict:
        assert (folder / name).exists()
        return browser.run(script(DECODE, NAME=f"'/workers/{name}'", OPEN=opened, DECODE=options))

    return call


@pytest.mark.parametrize("name", ["photograph", "alpha", "deep", "palette", "bits"])
def test_several_workers_give_the_pixels_of_one(name, decode, folder):
    alone = decode(f"{name}.nlc", "{ workers: 1 }")
    assert alone["begun"] == 1
    for workers in (2, 4):
        found = decode(f"{name}.nlc", f"{{ workers: {workers} }}")
        assert (found["pixels"], found["png"]) == (alone["pixels"], alone["png"])
        assert found["shown"] == alone["shown"] == 12
        assert found["begun"] == found["ended"] == 1 + min(workers, ROWS)
        assert found["progress"] == sorted(found["progress"])
        assert found["progress"][-1] == 1
    made_of = folder / f"{name}.png"
    if made_of.exists():
        assert alone["pixels"] == zlib.crc32(Image.open(made_of).convert("RGBA").tobytes())


def test_the_machine_and_the_file_say_how_many_workers_there_are(decode, browser):
    cores = browser.run("navigator.hardwareConcurrency")
    several = min(cores, 4)
    assert decode("large.nlc")["begun"] == (1 + several if several > 1 else 1)
    assert decode("photograph.nlc")["begun"] == 1  # it is small
    assert decode("camera.nlc", "{ workers: 4 }")["begun"] == 1  # what a JPEG file makes is decoded whole
    assert decode("photograph.nlc", "{ workers: 99 }")["begun"] == 1 + ROWS


def test_damage_is_told_by_tile(decode):
    alone = decode("damaged.nlc", "{ workers: 1 }")
    together = decode("damaged.nlc", "{ workers: 4 }")
    for found in (alone, together):
        assert found["code"] == "damaged"
        assert found["message"].startswith("tile 5 has pixels that do not match their checksum")
        assert found["ended"] == found["begun"]
    assert together["begun"] == 1 + ROWS
    alone = decode("damaged.nlc", "{ workers: 1, allowDamaged: true }")
    together = decode("damaged.nlc", "{ workers: 4, allowDamaged: true }")
    assert together["pixels"] == alone["pixels"]
    assert together["tiles"] == alone["tiles"] == [False] * 5 + [True] + [False] * 6
    assert together["damaged"] == 1


def test_a_file_is_decoded_again_after_it_failed(browser, served, folder):
    browser.go(f"{served}/index.html")
    code = """
        const file = await open('/workers/damaged.nlc');
        const failed = await file.decode({ workers: 4 }).catch((error) => error.code);
        const [image, other] = await Promise.all([
            file.decode({ workers: 4, allowDamaged: true }), file.decode({ workers: 2, allowDamaged: true })]);
        return [failed, hash(image.data) === hash(other.data), file.damagedTiles];
    """
    assert browser.run(script(code)) == ["damaged", True, 1]


def test_cancelling_ends_all_workers(browser, served, folder):
    browser.go(f"{served}/index.html")
    code = """
        const abort = new AbortController();
        const file = await open('/workers/large.nlc');
        const error = await file.decode({ workers: 4, signal: abort.signal, onProgress: () => abort.abort() })
            .catch((error) => error);
        const again = await file.decode().catch((error) => error);
        return [error.name, again.name, count.begun, count.ended];
    """
    assert browser.run(script(code)) == ["AbortError", "AbortError", 5, 5]


def test_memory_is_shared_and_one_worker_takes_all_of_it(decode):
    free = decode("large.nlc", "{ workers: 1 }")
    shared = decode("large.nlc", "{ workers: 4 }", "{ memoryLimit: 2 ** 23 }")
    assert shared["pixels"] == free["pixels"]
    assert shared["begun"] == 5
    refused = decode("large.nlc", "{ workers: 4 }", "{ memoryLimit: 2 ** 20 }")
    assert refused["code"] == "memory"
    assert "bytes of memory that are allowed" in refused["message"]
    assert refused["ended"] == refused["begun"]
