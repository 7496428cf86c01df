"""Peak memory is that of the codec, and programs on PATH are counted."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from fake_peers import Failing, Hungry, Raw

from nelloc import image
from nelloc.bench import memory
from nelloc.bench.interface import Picture
from nelloc.bench.peers.flif import Flif

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tests the way that Linux has")
PICTURE = Picture.of("big", image.from_array(np.zeros((40, 50, 3), np.uint8)))


def measured(codec) -> memory.MemoryUse:
    found = memory.measure(codec, PICTURE, codec.encode(PICTURE))
    assert found is not None
    return found


def test_what_encoding_takes_is_measured_and_what_decoding_does_not_take_is_not():
    found = measured(Hungry())
    assert 60e6 < found.encode < 80e6
    assert found.decode < 5e6


def test_a_codec_that_fails_there_has_no_figure():
    assert memory.measure(Failing(), PICTURE, b"") is None


def test_programs_are_measured_whole(tmp_path, monkeypatch):
    body = "import sys, shutil; x = bytearray(48_000_000); shutil.copy(*sys.argv[-2:])"
    program = tmp_path / "flif"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E -c "{body}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = measured(Flif())
    assert found.encode > 48e6
    assert found.decode > 48e6


def test_this_process_is_not_watched():
    assert memory.watched(["flif"]) == ["flif"]
    assert memory.peak() > 0
    assert Raw().decode(Raw().encode(PICTURE)).shape == (40, 50, 3)


def test_a_peak_that_is_read_lower_than_before_counts_as_nothing(tmp_path, monkeypatch):
    peaks = iter((50_000, 49_996))
    monkeypatch.setattr(memory, "peak", lambda: next(peaks))
    monkeypatch.setenv("NELLOC_BENCH_WATCH", str(tmp_path / "peaks"))
    assert memory._measured(Raw(), PICTURE, b"", "encode") == 0
