"""The page in a real browser: the pixels that Python decodes, saved as PNG with the metadata, and clear errors.

With NELLOC_SCREENSHOTS, the name of a folder, pictures of it are put there.
"""

from __future__ import annotations

import base64
import os
import zlib
from pathlib import Path

import chromium
import numpy as np
import pytest
from jpeg_samples import keep
from materials import GOLDEN
from PIL import Image

import nelloc
from nelloc.image import read
from nelloc.image.kinds import Kind

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PHOTOGRAPH = ROOT / "docs" / "images" / "parrots.png"
MODELS = sorted(GOLDEN.glob("*.nlm"))
DECODED = "!document.getElementById('save').disabled"
FAILED = "!document.getElementById('problem').hidden"


@pytest.fixture
def page(browser, dist):
    """The page as one file, just opened."""
    browser.resize(1200, 760)
    browser.dark(False)
    browser.go((dist / "nelloc.html").as_uri())
    return browser


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A photograph with metadata, a screen, and a damaged file."""
    folder = tmp_path_factory.mktemp("files")
    photograph = Image.open(PHOTOGRAPH).convert("RGB")
    photograph.save(folder / "parrots.png", dpi=(300, 300), exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    nelloc.compress(folder / "parrots.png", folder / "parrots.nlc", tile=256)
    screen = np.full((420, 640, 3), 250, np.uint8)
    screen[:36] = (28, 60, 110)
    for row in range(60, 400, 22):
        for column in range(24, 24 + 7 * (row * 37 % 71 + 10), 7):
            screen[row : row + 9, column : column + (row * column) % 5 + 1] = 30
    Image.fromarray(screen).save(folder / "screen.png")
    nelloc.compress(folder / "screen.png", folder / "screen.nlc")
    data = bytearray((folder / "parrots.nlc").read_bytes())
    data[len(data) // 2] ^= 16
    (folder / "damaged.nlc").write_bytes(data)
    (folder / "notes.nlc").write_text("Dear diary")
    photograph.save(folder / "camera.jpg", quality=88, comment=b"two parrots", dpi=(300, 300))
    keep(folder / "camera.nlc", (folder / "camera.jpg").read_bytes())
    keep(folder / "cut-off.nlc", (folder / "camera.jpg").read_bytes()[:4000])
    return {path.name: path for path in folder.iterdir()}


def shot(page: chromium.Page, name: str, when: str = "true") -> None:
    """Save what is to be seen, once a condition is met, if the environment says where."""
    folder = os.environ.get("NELLOC_SCREENSHOTS")
    if folder:
        page.wait(when)
        page.screenshot(Path(folder) / f"page-{name}.png")


def canvas_hash(page: chromium.Page) -> int:
    """The CRC-32 of the canvas: of its red, green, blue and alpha."""
    code = """(() => { const c = document.getElementById('image');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let t = [], crc = -1;
        for (let n = 0; n < 256; n++) {
            let c = n;
            for (let k = 0; k < 8; k++) c = c & 1 ? c >>> 1 ^ 0xedb88320 : c >>> 1;
            t[n] = c;
        }
        for (const b of d) crc = crc >>> 8 ^ t[(crc ^ b) & 255]; return ~crc >>> 0; })()"""
    return page.run(code)


def image_hash(path: Path) -> int:
    return zlib.crc32(np.asarray(Image.open(path).convert("RGBA")).tobytes())


def test_the_page_is_one_file_of_less_than_a_megabyte_and_a_half(dist):
    assert (dist / "nelloc.html").stat().st_size < 1_500_000


def test_a_file_is_dropped_decoded_and_saved(page, files, tmp_path):
    shot(page, "empty")
    page.save_downloads(tmp_path)
    page.drop(files["parrots.nlc"])
    page.wait(DECODED)
    assert canvas_hash(page) == image_hash(PHOTOGRAPH)
    page.wait("document.getElementById('sizes').rows.length === 4")
    facts = page.run("document.getElementById('about').innerText")
    assert "768 × 512, RGB" in facts
    assert "300 per inch" in facts
    assert f"{files['parrots.nlc'].stat().st_size:,}" in facts
    shot(page, "photograph")
    page.run("document.getElementById('save').click()")
    saved = tmp_path / "parrots.png"
    page.wait(saved.exists)
    page.wait(lambda: saved.stat().st_size > 0 and not list(tmp_path.glob("*.crdownload")))
    assert read(saved.read_bytes(), "saved").same_as(read(files["parrots.png"].read_bytes(), "given"))
    assert page.complaints() == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in page.requests())


def test_it_shows_screens_at_a_phones_width_and_in_the_dark(page, files):
    page.drop(files["screen.nlc"])
    page.wait(DECODED)
    assert canvas_hash(page) == image_hash(files["screen.png"])
    page.wait("document.getElementById('sizes').rows.length === 4")
    shot(page, "screen")
    page.resize(390, 800, mobile=True)
    page.wait("innerWidth === 390")
    assert page.run("document.documentElement.scrollWidth") <= 390
    page.dark(True)
    shot(page, "phone")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 26)"


def test_a_jpeg_file_is_shown_and_comes_back(page, files, tmp_path):
    page.save_downloads(tmp_path)
    page.drop(files["camera.nlc"])
    page.wait(DECODED)
    assert canvas_hash(page) == image_hash(files["camera.jpg"])
    page.wait("document.getElementById('sizes').rows.length === 5")
    facts = page.run("document.getElementById('about').innerText")
    assert f"a JPEG file of {files['camera.jpg'].stat().st_size:,} bytes" in facts
    assert "two parrots" in facts
    shot(page, "jpeg")
    page.run("document.getElementById('save-jpeg').click()")
    saved = tmp_path / "camera.jpg"
    page.wait(saved.exists)
    page.wait(lambda: saved.read_bytes() == files["camera.jpg"].read_bytes())
    assert page.complaints() == []
    page.drop(files["cut-off.nlc"])
    page.wait(FAILED)
    assert "pixels are not decoded here" in page.run("document.getElementById('problem').textContent")
    page.run("document.getElementById('save-jpeg').click()")
    saved = tmp_path / "cut-off.jpg"
    page.wait(saved.exists)
    page.wait(lambda: saved.read_bytes() == files["camera.jpg"].read_bytes()[:4000])
    page.drop(files["screen.nlc"])
    page.wait(DECODED)
    assert page.run("document.getElementById('save-jpeg').hidden")


def test_keys_zoom_and_move(page, files):
    page.drop(files["screen.nlc"])
    page.wait(DECODED)
    page.run("document.getElementById('stage').focus()")
    scale = "document.getElementById('zoom').textContent"
    page.press("1")
    assert page.run(scale) == "100 %"
    for _ in range(3):
        page.press("+")
    assert page.run(scale) == "338 %"
    before = page.run("document.getElementById('sheet').style.transform")
    page.press("ArrowRight")
    assert page.run("document.getElementById('sheet').style.transform") != before
    page.press("t")
    assert page.run("document.getElementById('map').getAttribute('aria-pressed')") == "true"
    page.press("0")
    assert page.run("parseFloat(document.getElementById('zoom').textContent)") <= 100
    named = "e.ariaLabel || e.textContent.trim() || e.labels?.length || ['status', 'alert'].includes(e.role)"
    assert page.run(f"[...document.querySelectorAll('button, input, select, [role]')].every(e => {named})")


def test_damage_is_shown_tile_by_tile(page, files):
    page.drop(files["damaged.nlc"])
    page.wait(FAILED)
    said = page.run("document.getElementById('problem').textContent")
    assert "does not match its checksum" in said
    page.run("document.querySelector('#problem button').click()")
    page.wait(DECODED)
    assert page.run("document.querySelectorAll('#tiles rect.damaged').length") == 1
    assert page.run("document.querySelectorAll('#tiles rect').length") == 6
    assert "256 × 256 pixels at" in page.run("document.getElementById('damage').innerText")
    shot(page, "damaged")


def test_what_cannot_be_opened_is_told(page, files):
    page.drop(files["notes.nlc"])
    page.wait(FAILED)
    assert page.run("document.getElementById('problem').textContent").startswith("notes.nlc: it is not an nlc file")
    shot(page, "error")
    page.drop(GOLDEN / "photograph.nlc")
    page.wait("document.getElementById('problem').textContent.includes('needs model 624012c9')")
    page.give_files(GOLDEN / "model.nlm")
    page.wait(DECODED)
    assert canvas_hash(page) == image_hash(GOLDEN / "photograph.png")


def test_an_image_that_no_canvas_holds_is_told_and_saved(page, files, tmp_path):
    samples = np.zeros((2, 70000), np.uint8)
    samples[1, -1] = 9
    (tmp_path / "wide.nlc").write_bytes(nelloc.encode(samples))
    page.save_downloads(tmp_path)
    page.drop(tmp_path / "wide.nlc")
    page.wait(DECODED)
    told = page.run("document.getElementById('problem').textContent")
    assert told == "wide.nlc: it is larger than this browser can show; save it as PNG."
    page.run("document.getElementById('save').click()")
    page.wait((tmp_path / "wide.png").exists)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "wide.png")), samples)
    page.drop(files["screen.nlc"])
    page.wait(f"{DECODED} && document.getElementById('problem').hidden")
    assert canvas_hash(page) == image_hash(files["screen.png"])


def test_decoding_is_cancelled(page, files):
    page.drop(files["parrots.nlc"])
    page.wait("document.getElementById('progress').value > 0")
    shot(page, "progress", "document.getElementById('progress').position > 0.4")
    page.press("Escape")
    page.wait(FAILED)
    assert "cancelled" in page.run("document.getElementById('problem').textContent")
    assert page.run("document.getElementById('work').hidden")
    page.run("document.querySelector('#problem button').click()")
    page.wait(DECODED)
    assert canvas_hash(page) == image_hash(PHOTOGRAPH)


def save_at_once(page: chromium.Page, then: str) -> None:
    """Save as PNG as soon as that can be done, before the page has made the PNG file itself, and do more at once."""
    page.run(f"""(() => {{
        const save = document.getElementById('save');
        new MutationObserver((_, observer) => {{
            if (save.disabled) return;
            observer.disconnect();
            save.click();
            {then}
        }}).observe(save, {{ attributes: true }});
    }})()""")


def test_saving_is_cancelled_and_done_later(page, files, tmp_path):
    page.save_downloads(tmp_path)
    page.drop(files["damaged.nlc"])
    page.wait(FAILED)
    save_at_once(page, "const cancel = document.getElementById('cancel'); cancel.focus(); cancel.click();")
    page.run("document.querySelector('#problem button').click()")
    page.wait("document.getElementById('status').textContent === 'Saving was cancelled.'")
    assert page.run("document.getElementById('problem').hidden && document.getElementById('work').hidden")
    assert page.run("document.activeElement.id") == "stage"
    assert not (tmp_path / "damaged.png").exists()
    page.run("document.getElementById('save').click()")
    page.wait((tmp_path / "damaged.png").exists)
    page.wait(lambda: not list(tmp_path.glob("*.crdownload")))
    assert image_hash(tmp_path / "damaged.png") == canvas_hash(page)
    assert page.complaints() == []


def test_another_file_is_opened_while_one_is_saved(page, files, tmp_path):
    page.save_downloads(tmp_path)
    save_at_once(page, "const list = document.getElementById('list'); list.value = 1; list.onchange();")
    page.drop(files["screen.nlc"], files["camera.nlc"])
    page.wait(f"{DECODED} && document.getElementById('name').textContent === 'camera.nlc'")
    assert page.run("document.getElementById('problem').hidden")
    assert not page.run("document.getElementById('save-jpeg').disabled")
    assert canvas_hash(page) == image_hash(files["camera.jpg"])
    assert not (tmp_path / "screen.png").exists()


def test_the_jpeg_file_is_saved_although_its_decoding_was_cancelled(page, files, tmp_path):
    page.save_downloads(tmp_path)
    page.drop(files["camera.nlc"])
    page.wait("!document.getElementById('save-jpeg').hidden")
    page.press("Escape")
    page.wait(FAILED)
    page.run("document.getElementById('save-jpeg').click()")
    page.wait((tmp_path / "camera.jpg").exists)
    page.wait(lambda: (tmp_path / "camera.jpg").read_bytes() == files["camera.jpg"].read_bytes())


def test_the_focus_stays_where_buttons_go(page, files):
    focused = "document.activeElement.id || document.activeElement.textContent"
    page.drop(files["parrots.nlc"])
    page.wait("document.getElementById('progress').value > 0")
    page.run("document.getElementById('cancel').focus(), document.getElementById('cancel').click()")
    page.wait(FAILED)
    assert page.run(focused) == "Decode it again"
    page.drop(files["damaged.nlc"])
    page.wait("document.getElementById('problem').textContent.includes('checksum')")
    assert page.run("document.getElementById('status').textContent") == ""
    page.run("document.querySelector('#problem button').focus(), document.activeElement.click()")
    assert page.run(focused) == "stage"
    assert page.run("document.getElementById('status').textContent") == "damaged.nlc is being decoded."
    page.wait(DECODED)


def test_the_module_decodes_all_golden_files(browser, served, tmp_path):
    browser.go(f"{served}/index.html")
    shipped = [f"/weights/{path.name}" for path in sorted((ROOT / "weights").glob("*.nlm"))]
    models = [*(f"/golden/{path.name}" for path in MODELS), *shipped]
    for path in sorted(path for path in GOLDEN.rglob("*.nlc") if path.stem != "cut-off"):  # which has no pixels
        code = f"""import('/nelloc.js').then(async ({{ open }}) => {{
            const file = await open('/golden/{path.relative_to(GOLDEN)}', {{ models: {models} }});
            const image = await file.decode(); const png = await file.toPNG();
            const jpeg = file.jpegBytes ? await file.toJPEG() : [];
            file.close();
            return [btoa(String.fromCharCode(...png)), [...image.data], [...jpeg]]; }})"""
        packed, shown, jpeg = browser.run(code)
        made_of = next(name for name in (path.with_suffix(".png"), path.with_suffix(".jpg")) if name.exists())
        back, image = read(base64.b64decode(packed), path.name), read(made_of.read_bytes(), path.name)
        assert bytes(jpeg) == (made_of.read_bytes() if made_of.suffix == ".jpg" else b""), path
        assert back.kind == image.kind, path
        assert back.metadata == image.metadata, path
        assert all(np.array_equal(a, b) for a, b in zip(back.groups, image.groups, strict=True)), path
        if image.kind in (Kind.GRAY, Kind.RGB, Kind.LA, Kind.RGBA, Kind.PALETTE, Kind.BILEVEL):
            expected = np.asarray(Image.open(made_of).convert("RGBA"))
            assert bytes(shown) == expected.tobytes(), path
    assert all(url.startswith(served) for url in browser.requests())


def test_the_element_shows_an_image(browser, served, served_folder):
    browser.go(f"{served}/index.html")
    browser.run("import('/nelloc.js').then(() => 0)")
    code = """new Promise((done) => {
        document.body.innerHTML = '<nlc-img src="/golden/small-default.nlc" alt="A sample"></nlc-img>';
        const e = document.querySelector('nlc-img');
        e.addEventListener('load', () => done([e.canvas.width, e.canvas.height, e.canvas.getAttribute('aria-label')]));
        e.addEventListener('error', (problem) => done(problem.message)); })"""
    assert browser.run(code) == [13, 11, "A sample"]
    code = """new Promise((done) => {
        const e = document.querySelector('nlc-img');
        e.addEventListener('error', (problem) =>
            done([problem.message, e.shadowRoot.querySelector('p').textContent]));
        e.src = '/golden/model.nlm'; })"""
    message, shown = browser.run(code)
    assert message.startswith("it is not an nlc file")
    (served_folder / "wide.nlc").write_bytes(nelloc.encode(np.zeros((2, 70000), np.uint8)))
    assert browser.run(code.replace("/golden/model.nlm", "/wide.nlc"))[0] == "it is larger than this browser can show"
    assert shown == f"A sample: {message}"
