"""Promises of README and the guide: their numbers are those of the results, and their files are small."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/write_readme.py as a module."""
    spec = importlib.util.spec_from_file_location("write_readme", ROOT / "scripts" / "write_readme.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_readme"] = module
    spec.loader.exec_module(module)
    return module


def test_the_numbers_and_the_chart_are_those_of_the_results(script):
    """After a change: python scripts/write_readme.py"""
    for path, text in script.wanted().items():
        assert path.read_text("utf-8") == text, self_help(path)


def self_help(path: Path) -> str:
    return f"{path.name} is not what the results say; {test_the_numbers_and_the_chart_are_those_of_the_results.__doc__}"


def test_a_number_that_was_changed_by_hand_is_noticed(script):
    for name in script.DOCUMENTS:
        text = (ROOT / name).read_text("utf-8")
        for found in re.finditer(r"<!-- begin (\w+) -->\n(.*?)<!-- end", text, re.DOTALL):
            digit = re.search(r"\d", found[2])
            if digit is None:
                continue
            place = found.start(2) + digit.start()
            changed = text[:place] + str((int(digit[0]) + 1) % 10) + text[place + 1 :]
            assert script.filled(changed) == text, found[1]


def test_no_rate_or_speed_stands_outside_of_the_markers(script):
    for name in script.DOCUMENTS:
        text = re.sub(r"<!-- begin (\w+) -->.*?<!-- end \1 -->", "", (ROOT / name).read_text("utf-8"), flags=re.DOTALL)
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        assert re.findall(r"\d[\d.]* ?(?:%|MB/s|bpd|times)|\d\.\d+ bits? per", prose) == []


def test_readme_is_short(script):
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.split("\n## ", 1)[0].splitlines()) <= 40
    assert len(text.splitlines()) <= 120
    assert "*training* images" in text


def test_the_chart_shows_every_codec_that_was_measured(script):
    chart = script.CHART.read_text("utf-8")
    for codec in script.measured()["codecs"]:
        assert script.NAMES[codec].replace("`", "").replace("nelloc, ", "nelloc ") in chart
