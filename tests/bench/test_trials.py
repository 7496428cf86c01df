"""Measuring: what comes back is checked, what fails is told, and the sums are right."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time

import numpy as np
import pytest
from fake_peers import Failing, GrayOnly, Lossy, Perfect, Raw, Tiring
from materials import small_model_bytes
from PIL import Image

import nelloc
from nelloc.bench import measure, pictures
from nelloc.bench.measure import Measured, Measurement
from nelloc.bench.own import Nelloc, is_own
from nelloc.bench.peers.png import Png
from nelloc.bench.summary import losses, summarise
from nelloc.bench.timing import CLOCKS, cpu_seconds, medians
from nelloc.codec.options import EncodeOptions
from nelloc.image.limits import MAX_PIXELS


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (9, 20, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / "b.png")
    return tmp_path


@pytest.fixture
def own(small_model_path) -> Nelloc:
    return Nelloc(EncodeOptions(model=small_model_path, threads=1))


def run(folder, codecs, **options) -> Measured:
    found, errors = pictures.find([folder])
    assert not errors
    return measure.measure(found, codecs, max_pixels=MAX_PIXELS, with_memory=False, **options)


def test_statuses(folder, own):
    measured = run(folder, [own, Png(), Raw(), Lossy(), Failing(), GrayOnly()])
    status = {(trial.codec, trial.image): trial.status for trial in measured.trials}
    assert {key: value for key, value in status.items() if value != "ok"} == {
        ("lossy", "a.png"): "lossy",
        ("lossy", "b.png"): "lossy",
        ("failing", "a.png"): "failed",
        ("failing", "b.png"): "failed",
        ("gray-only", "a.png"): "skipped",
    }
    failed = next(t for t in measured.trials if t.status == "failed")
    assert (failed.reason, failed.bytes, failed.encode_seconds) == ("out of luck", None, None)
    rows = summarise(measured, [own, Png(), Raw(), Lossy(), Failing(), GrayOnly()])
    assert {row.codec for row in rows if row.ranked} == {own.label, "png:9", "raw"}
    remarks = {row.codec: row.remark for row in rows}
    assert remarks["lossy"] == "lossy: altered 2 of 2 images (a.png)"
    assert remarks["failing"] == "failed on 2 of 2 images (a.png: out of luck)"
    assert remarks["gray-only"] == "skipped 1 of 2 images (a.png: takes no 8-bit RGB)"


def test_the_bytes_of_nelloc_are_those_of_the_codec(folder, own):
    for trial in run(folder, [own], repeat=0).trials:
        array = np.asarray(Image.open(folder / trial.image))
        assert trial.bytes == len(nelloc.encode(array, options=own.options))
        assert trial.bits_per_dimension == 8 * trial.bytes / array.size


def test_nothing_is_timed_before_it_is_checked_nor_without_rounds(folder, monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(measure, "check", lambda c, p, real=measure.check: calls.append("check") or real(c, p))
    monkeypatch.setattr(measure, "timed", lambda *a, real=measure.timed: calls.append("time") or real(*a))
    measured = run(folder, [Png(), Raw(), Lossy()], repeat=2)
    assert calls == ["check", "check", "check", "time"] * 2
    for trial in measured.trials:
        assert (trial.encode_seconds is None) == (trial.codec == "lossy")
    assert all(trial.encode_seconds is None for trial in run(folder, [Png()], repeat=0).trials)


def test_a_codec_that_fails_when_it_is_timed_has_failed(folder):
    Tiring.calls.clear()
    measured = run(folder, [Tiring(), Raw()], repeat=2)
    status = {
        (t.codec, t.image): (t.status, t.reason, t.bytes is None, t.encode_seconds is None) for t in measured.trials
    }
    assert status["tiring", "a.png"] == status["tiring", "b.png"] == ("failed", "tired", True, True)
    assert status["raw", "a.png"] == status["raw", "b.png"] == ("ok", "", False, False)


def test_the_median_of_the_rounds_counts_and_all_take_turns():
    calls: list[str] = []
    clock = iter([0, 1, 1, 10, 20, 25, 25, 26, 30, 33, 33, 35])
    variants = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    # Rounds of a: 1, 5, 3; of b: 9, 1, 2.
    assert medians(variants, 3, lambda: next(clock)) == {"a": 3, "b": 2}
    assert calls == ["a", "b"] * 3
    assert medians(variants, 0) == {}


def test_processor_time_counts_programs_and_not_waiting():
    start = cpu_seconds()
    time.sleep(0.5)
    assert cpu_seconds() - start < 0.4
    assert CLOCKS["wall"]() != CLOCKS["wall"]()
    start = cpu_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert cpu_seconds() > start
    if importlib.util.find_spec("resource") is not None:
        assert cpu_seconds() - start > 0.02


def test_an_image_that_cannot_be_read_is_told_and_the_rest_measured(folder):
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:60])
    measured = run(folder, [Raw()])
    assert [trial.image for trial in measured.trials] == ["a.png", "b.png"]
    (error,) = measured.unread
    assert "broken.png: is damaged" in str(error)


def test_a_model_that_cannot_code_an_image_skips_it(folder, tmp_path):
    path = tmp_path / "gray.nlm"
    path.write_bytes(small_model_bytes(channels=1))
    gray = Nelloc(EncodeOptions(model=path, threads=1))
    assert [trial.status for trial in run(folder, [gray]).trials] == ["skipped", "ok"]


def trial(codec: str, image: str, size: int | None, status="ok", seconds: float | None = None) -> Measurement:
    return Measurement(codec, image, "rgb", 10, 10, 300, 300, status, "", size, seconds, seconds)


class Labelled:
    """A codec that is a label."""

    def __init__(self, label: str):
        self.label = label

    def version(self) -> str:
        return "1"


def test_sums():
    measured = Measured((trial("png:9", "a", 300), trial("x", "a", 60, seconds=2), trial("x", "b", 30, seconds=1)), ())
    x = next(row for row in summarise(measured, [Labelled("x"), Labelled("png:9")]) if row.codec == "x")
    assert (x.images, x.samples, x.bytes, x.bits_per_dimension) == (2, 600, 90, 1.2)
    assert x.ratio_to_png is None  # png has only one of the two
    assert x.encode_speed == pytest.approx(600 / 3 / 1e6)
    both = Measured((*measured.trials, trial("png:9", "b", 60)), ())
    assert summarise(both, [Labelled("x")])[0].ratio_to_png == 0.25


def test_ranked_codecs_come_first_and_the_smallest_first():
    trials = (trial("a", "i", 50), trial("b", "i", 40), trial("c", "i", 10, status="lossy"), trial("d", "i", 60))
    rows = summarise(Measured(trials, ()), [Labelled(name) for name in "abcd"])
    assert [row.codec for row in rows] == ["b", "a", "d", "c"]
    assert rows[-1].bits_per_dimension is None  # what is lossy has no rate


def test_losses_are_told_worst_first_and_never_to_a_lossy_codec():
    trials = (
        *(trial("nelloc a", image, 100) for image in "xyz"),
        trial("nelloc b", "x", 90),
        trial("p", "x", 80),
        trial("p", "y", 50),
        trial("p", "z", 100),
        trial("cheat", "x", 1),
        trial("cheat", "y", 1, status="lossy"),
    )
    codecs = [Labelled(name) for name in ("nelloc a", "nelloc b", "p", "cheat")]
    found = losses(Measured(trials, ()), summarise(Measured(trials, ()), codecs))
    assert [(loss.image, loss.nelloc, loss.peer) for loss in found] == [("y", "nelloc a", "p"), ("x", "nelloc b", "p")]
    assert [loss.excess for loss in found] == [1.0, 0.125]


def test_labels_tell_nelloc_from_its_peers(own):
    assert is_own(own.label)
    assert not any(is_own(peer.label) for peer in (Png(), Raw(), Perfect()))
