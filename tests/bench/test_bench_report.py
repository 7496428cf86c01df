"""The page is whole, needs nothing else, and says what was found."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from fake_peers import Failing, Lossy, Perfect, Raw
from PIL import Image

from nelloc.bench import measure, pictures
from nelloc.bench.own import Nelloc
from nelloc.bench.peers import Missing
from nelloc.bench.peers.png import Png
from nelloc.bench.plots import HEIGHT, WIDTH, Point, rate_against_speed
from nelloc.bench.report import MAX_BARS, page_of
from nelloc.bench.results import Results
from nelloc.cli.bench_table import table
from nelloc.codec.options import EncodeOptions
from nelloc.errors import NellocError

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags are balanced, and keeps the addresses and texts."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "data", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        self.words += data


def results(folder, codecs, **options) -> tuple[Results, dict]:
    found, errors = pictures.find([folder])
    measured = measure.measure(found, codecs, max_pixels=1 << 20, with_memory=False, repeat=1)
    return Results.of(measured, codecs, threads=1, repeat=1, errors=errors, **options), {f.name: f.path for f in found}


@pytest.fixture
def page(tmp_path, small_model_path) -> str:
    for name in ("a.png", "b&<i>.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 20, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    codecs = [Nelloc(EncodeOptions(model=small_model_path, threads=1)), Png(), Perfect(), Lossy(), Failing()]
    return page_of(*results(tmp_path, codecs, missing=[Missing("flif", "no flif on PATH")]))


def test_nothing_comes_from_elsewhere(page):
    parsed = Page(page)
    assert parsed.addresses
    assert all(address.startswith("data:") for address in parsed.addresses)
    assert not parsed.tags & {"script", "link", "iframe", "object", "embed"}
    assert not re.search(r"https?:|url\(|@import|//", page)


def test_it_says_what_was_found_and_what_was_not(page):
    words = Page(page).words
    for text in ("flif: no flif on PATH", "lossy: altered 2 of 2", "out of luck", "broken.png", "b&<i>.png", "perfect"):
        assert text in words
    assert "<i>.png" not in page
    assert "Another codec is smaller on 2 of 2 images" in words
    assert page.count("data:image/jpeg;base64,") == 2
    assert "prefers-color-scheme: dark" in page


def test_the_plots_are_well_formed_and_leave_out_what_is_not_ranked(page):
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        labels = {text.text for text in ElementTree.fromstring(plot).iter("text") if "label" in text.get("class")}
        assert {"png:9", "perfect"} < labels
        assert not labels & {"lossy", "failing"}


@pytest.mark.parametrize("count", [1, 2, 12])
def test_points_are_inside_and_in_order(count):
    points = [Point(f"codec:{n}", "codec", n == 0, 10.0**n / 50, 3 + n / 10) for n in range(count)]
    tree = ElementTree.fromstring(rate_against_speed(points, "encoding"))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in tree.iter("circle")]
    assert len(circles) == count
    rising = sorted(circles)  # faster to the right, larger further up
    assert [y for _, y in rising] == sorted((y for _, y in circles), reverse=True)
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in circles)


def test_equal_points_can_be_drawn():
    assert rate_against_speed([Point("a", "a", False, 1.0, 2.0), Point("b", "b", False, 1.0, 2.0)], "x")


def test_without_nelloc_losses_or_times_it_is_a_page_still(tmp_path):
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "a.png")
    found, _ = pictures.find([tmp_path])
    measured = measure.measure(found, [Raw()], max_pixels=99, with_memory=False, repeat=0)
    page = page_of(Results.of(measured, [Raw()], threads=1, repeat=0, errors=[NellocError("x: y; z")]), {})
    assert "None." in Page(page).words


def test_many_images_have_bars_up_to_a_limit_and_that_is_said(tmp_path):
    for number in range(MAX_BARS + 1):
        Image.fromarray(np.full((2, 2), number, np.uint8)).save(tmp_path / f"{number:03}.png")
    page = page_of(*results(tmp_path, [Png()]))
    assert f"The first {MAX_BARS} of {MAX_BARS + 1} images" in page
    assert page.count('class="name"') == MAX_BARS
    assert f"{MAX_BARS:03}.png" in page


def test_the_table_names_the_version_of_each_codec(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    found, _ = results(tmp_path, [Png(9), Png(1), Perfect()])
    lines = table(found).splitlines()
    versions = lines[lines.index("versions:") + 1 :]
    assert sorted(versions) == sorted(
        [f"  png:9, png:1: {Png().version()}", f"  {Perfect().label}: {Perfect().version()}"]
    )
