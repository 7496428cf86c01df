"""`nelloc bench`: what it prints and writes, and what fails."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import running
from click.testing import Result
from fake_peers import Absent, Failing, Lossy, Perfect, Raw
from materials import small_model_bytes
from PIL import Image

from nelloc.bench import own, peers
from nelloc.bench.peers.png import Png
from nelloc.bench.results import COLUMNS

# Sizes only, and one peer: fast.
QUICK = ("--repeat", "0", "--no-memory", "--model", "model.nlm")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, small_model_path) -> Path:
    """The current folder: a model, and two images in photos."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.nlm").write_bytes(small_model_path.read_bytes())
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (30, 20, 3), dtype=np.uint8)).save("photos/a.png")
    Image.fromarray(random.integers(0, 256, (8, 9), dtype=np.uint8)).save("photos/b.png")
    return tmp_path


@pytest.fixture
def fakes(monkeypatch) -> None:
    """Peers that are lossless, lossy, failing and missing, instead of the real ones; and PNG."""
    monkeypatch.setattr(peers, "PEERS", (Png, Raw, Lossy, Failing, Absent))


invoke = partial(running.invoke, "bench")


def trials(result: Result) -> dict[tuple[str, str], dict]:
    return {(t["codec"], t["image"]): t for t in json.loads(result.stdout)["trials"]}


# What it measures


def test_the_bytes_of_nelloc_are_those_of_the_files_that_compress_writes():
    found = trials(invoke("photos", *QUICK, "--peer", "png", "--json"))
    for name in ("a", "b"):
        arguments = ["compress", f"photos/{name}.png", f"{name}.nlc", "--model", "model.nlm", "--no-embed", "--json"]
        compressed = json.loads(running.invoke(*arguments).stdout)
        own_trial = found["nelloc model.nlm", f"{name}.png"]
        assert own_trial["bytes"] == Path(f"{name}.nlc").stat().st_size == compressed["target_bytes"]
        assert own_trial["bits_per_dimension"] == compressed["bits_per_dimension"]


def test_images_of_every_kind_and_their_metadata():
    """Sizes are those of compress, metadata counted and told; --strip leaves it out of both."""
    source = Image.open("photos/a.png")
    Path("kinds").mkdir()
    for mode in ("1", "L", "LA", "P", "RGBA"):
        source.convert(mode).save(f"kinds/{mode}.png", pnginfo=None)
    source.save("kinds/described.png", icc_profile=bytes(range(200)))
    sizes = {}
    for flags in ([], ["--strip"]):
        result = invoke("kinds", *QUICK, "--peer", "webp:0", *flags, "--json")
        assert result.exit_code == 0
        found = trials(result)
        for path in Path("kinds").iterdir():
            arguments = ["compress", str(path), "out.nlc", "--force", "--model", "model.nlm", "--no-embed", "--json"]
            compressed = json.loads(running.invoke(*arguments, *flags).stdout)
            trial = found["nelloc model.nlm", path.name]
            assert trial["bytes"] == compressed["target_bytes"]
            assert trial["bits_per_dimension"] == compressed["bits_per_dimension"]
            assert found["webp:0", path.name]["status"] == found["png:9", path.name]["status"] == "ok"
        sizes[bool(flags)] = found["nelloc model.nlm", "described.png"]
    assert sizes[False]["metadata_bytes"] > sizes[True]["metadata_bytes"] == 0
    assert sizes[False]["bytes"] > sizes[True]["bytes"]
    assert "bytes of metadata, unlike the others" in invoke("kinds", *QUICK, "--peer", "png").stdout
    assert "metadata" not in invoke("kinds", *QUICK, "--peer", "png", "--strip").stdout


def test_the_table_ranks_and_names_what_it_does_not_rank(fakes):
    result = invoke("photos", *QUICK, "--peer", "raw", "--peer", "lossy")
    assert result.exit_code == 0
    head, blank, columns, *lines = result.stdout.splitlines()
    assert head == "2 images, 0.00 MB of pixels"
    assert (blank, columns.split()[:3]) == ("", ["codec", "bpd", "bytes"])
    end = lines.index("")
    ranked = [line.split("  ")[0] for line in lines[:end]]
    assert set(ranked) == {"nelloc model.nlm", "png:9", "raw"}
    rates = [float(line[len(name) :].split()[0]) for name, line in zip(ranked, lines, strict=False)]
    assert rates == sorted(rates)
    not_ranked = lines.index("versions:")
    assert lines[end + 1 : not_ranked - 1] == ["not ranked:", "  lossy: lossy: altered 2 of 2 images (a.png)"]


def test_all_peers_are_measured_where_none_is_asked_for_and_missing_ones_named(fakes, monkeypatch):
    monkeypatch.setattr(peers, "PEERS", (Png, Raw, Absent))
    result = invoke("photos", *QUICK)
    assert result.exit_code == 0
    assert "not found:\n  absent: no absent on PATH" in result.stdout
    assert result.stderr == ""


def test_several_models_and_their_ids():
    Path("other.nlm").write_bytes(small_model_bytes(seed=1))
    result = invoke("photos", *QUICK, "--model", "other.nlm", "--model", "model.nlm", "--peer", "png", "--json")
    versions = [c["version"] for c in json.loads(result.stdout)["codecs"] if own.is_own(c["codec"])]
    assert len(set(versions)) == len(versions) == 2


def test_limit_and_repeat_and_threads_and_backend():
    flags = ("--limit", "1", "--repeat", "2", "--clock", "cpu", "--threads", "2", "--backend", "reference")
    result = invoke("photos", "--model", "model.nlm", "--no-memory", "--peer", "png:1", *flags, "--json")
    found = json.loads(result.stdout)
    assert (found["threads"], found["repeat"], found["clock"]) == (2, 2, "cpu")
    assert {t["image"] for t in found["trials"]} == {"a.png"}
    assert all(t["encode_seconds"] > 0 and t["decode_seconds"] > 0 for t in found["trials"])
    assert {c["codec"] for c in found["codecs"]} == {"nelloc model.nlm", "png:9", "png:1"}
    assert all(c["encode_speed"] > 0 for c in found["codecs"])


def test_memory_is_measured_unless_it_is_not_wanted():
    found = json.loads(invoke("photos", "--limit", "1", *QUICK, "--memory", "--peer", "png", "--json").stdout)
    assert all(c["encode_memory"] >= 0 for c in found["codecs"])
    found = json.loads(invoke("photos", *QUICK, "--peer", "png", "--json").stdout)
    assert all(c["encode_memory"] is None for c in found["codecs"])


# Forms of output


def test_json_has_everything(fakes):
    (Path("photos") / "c.png").write_bytes(b"nothing")
    result = invoke("photos", *QUICK, "--json")
    found = json.loads(result.stdout)
    keys = ["machine", "threads", "repeat", "clock", "codecs", "missing", "trials", "losses", "errors"]
    assert list(found) == keys
    assert found["missing"] == [{"name": "absent", "reason": "no absent on PATH"}]
    assert set(found["trials"][0]) == set(COLUMNS)
    assert found["machine"]["processor"]
    assert len(found["errors"]) == 1
    assert result.exit_code == 1


def test_csv_has_a_line_for_each_codec_and_image(fakes):
    result = invoke("photos", *QUICK, "--csv", "--peer", "raw", "--peer", "failing")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2 * 4
    found = {(row["codec"], row["image"]): row for row in rows}
    assert found["failing", "a.png"]["status"] == "failed"
    assert found["failing", "a.png"]["bytes"] == ""
    assert float(found["raw", "a.png"]["bits_per_dimension"]) > 8


def test_quiet_prints_nothing_and_verbose_every_trial():
    result = invoke("photos", *QUICK, "--peer", "png", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert invoke("photos", *QUICK, "--peer", "png", "-q").stdout == ""
    for flag in ("--verbose", "-v"):
        assert "a.png: png:9: " in invoke("photos", *QUICK, "--peer", "png", flag).stderr


def test_the_report_is_a_page_that_is_kept_unless_forced(fakes):
    arguments = ("photos", *QUICK, "--peer", "raw", "--report", "new/page")
    result = invoke(*arguments)
    assert result.exit_code == 0
    assert result.stderr == "nelloc: the report is new/page/index.html\n"
    assert [path.name for path in Path("new/page").iterdir()] == ["index.html"]
    Path("new/page/index.html").write_text("old")
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert "new/page/index.html: exists already; use --force" in result.stderr
    assert result.stdout == ""
    assert Path("new/page/index.html").read_text() == "old"
    for flag in ("--force", "-f"):
        Path("new/page/index.html").write_text("old")
        assert invoke(*arguments, flag).exit_code == 0
        assert Path("new/page/index.html").read_text().startswith("<!DOCTYPE html>")


def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured():
    Path("file").write_text("")
    result = invoke("photos", *QUICK, "--report", "file")
    assert result.exit_code == 1
    assert result.stderr.startswith("nelloc: file: cannot be made")


def test_peers_are_listed(fakes):
    result = invoke("--list-peers")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        "raw: arrays as they are: raw 1.2",
        "lossy: arrays as they are: lossy 1.2",
        "failing: arrays as they are: failing 1.2",
        "absent: arrays as they are: missing (no absent on PATH)",
    ]


# What fails is named, counted, and does not stop the rest


def test_a_corrupt_image_an_empty_folder_and_a_folder_without_images():
    Path("photos/c.png").write_bytes(Path("photos/a.png").read_bytes()[:300])
    for name in ("empty", "texts"):
        Path(name).mkdir()
    Path("texts/a.txt").write_text("no image")
    result = invoke("photos", "empty", "texts", "nowhere", *QUICK, "--peer", "png", "--json")
    assert result.exit_code == 1
    *errors, count = result.stderr.splitlines()
    assert len(errors) == 4
    for line, word in zip(
        sorted(errors),
        ("empty: no images", "nowhere: cannot be read", "photos/c.png: is", "texts: no images"),
        strict=True,
    ):
        assert line.startswith(f"nelloc: {word}")
    assert count == "nelloc: 2 images measured; 4 failures"
    assert {t["status"] for t in json.loads(result.stdout)["trials"]} == {"ok"}


def test_nothing_at_all():
    Path("empty").mkdir()
    result = invoke("empty", *QUICK, "--report", "page")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "nelloc: 0 images measured; 1 failure"
    assert not Path("page/index.html").exists()


def test_a_wrong_round_trip_of_nelloc(monkeypatch):
    decode = own.Nelloc.decode

    def wrong(self, data):
        pixels = decode(self, data)
        if len(pixels.planes) == 3:
            pixels.planes[0, 0, 0] ^= 1
        return pixels

    monkeypatch.setattr(own.Nelloc, "decode", wrong)
    result = invoke("photos", *QUICK, "--peer", "png", "--json")
    assert result.exit_code == 1
    first, count = result.stderr.splitlines()
    assert first.startswith("nelloc: a.png: nelloc model.nlm failed (the pixels that came back")
    assert count == "nelloc: 2 images measured; 1 failure"
    assert trials(result)["nelloc model.nlm", "a.png"]["status"] == "lossy"
    assert trials(result)["nelloc model.nlm", "b.png"]["status"] == "ok"
    assert trials(result)["png:9", "a.png"]["status"] == "ok"


def test_a_failing_peer(fakes):
    result = invoke("photos", *QUICK, "--peer", "failing", "--peer", "raw")
    assert result.exit_code == 1
    assert "nelloc: a.png: failing failed (out of luck)" in result.stderr
    assert "nelloc: 2 images measured; 2 failures" in result.stderr
    assert "failing: failed on 2 of 2 images" in result.stdout
    assert "\nraw " in result.stdout


def test_a_lossy_peer_is_a_finding_and_no_failure(fakes):
    result = invoke("photos", *QUICK, "--peer", "lossy")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_peer_that_is_asked_for_and_missing(fakes):
    result = invoke("photos", *QUICK, "--peer", "absent", "--peer", "raw")
    assert result.exit_code == 1
    assert "nelloc: peer absent: is missing (no absent on PATH)" in result.stderr
    assert "\nraw " in result.stdout


def test_losses_are_named(monkeypatch):
    monkeypatch.setattr(peers, "PEERS", (Png, Perfect))
    found = json.loads(invoke("photos", *QUICK, "--json").stdout)
    assert {loss["image"] for loss in found["losses"]} == {"a.png", "b.png"}
    assert all(loss["peer"] == "perfect" and loss["excess"] > 1 for loss in found["losses"])


def test_an_image_above_max_pixels_is_refused():
    result = invoke("photos", *QUICK, "--peer", "png", "--max-pixels", "100", "--json")
    assert result.exit_code == 1
    assert "photos/a.png: has 20 x 30 pixels, above the limit of 100" in result.stderr
    assert {t["image"] for t in json.loads(result.stdout)["trials"]} == {"b.png"}


def test_a_model_that_is_not_there():
    result = invoke("photos", "--model", "nosuch")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("nelloc: nosuch: no such model")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["photos", "--peer", "nosuch"],
        ["photos", "--peer", "webp:99"],
        ["photos", "--json", "--csv"],
        ["photos", "--repeat", "-1"],
        ["photos", "--threads", "0"],
        ["photos", "--limit", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
