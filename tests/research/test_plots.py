"""Plots for the results of experiments."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from nelloc.research.plots import new_figure, show_values


def test_every_value_is_within_the_axes_and_printed_beside_its_point():
    axes = new_figure().subplots()
    rows = ["plain", "better", "best"]
    show_values(axes, rows, {"plain": 0.71, "better": 0.8}, {"plain": 0.02, "better": 0.01}, digits=2, label="all")
    show_values(axes, rows, {"better": 0.65, "best": 0.9}, digits=3, shift=0.2, hollow=True, label="some")
    assert [text.get_text() for text in axes.texts] == ["0.71 ± 0.02", "0.80 ± 0.01", "0.650", "0.900"]
    assert [label.get_text() for label in axes.get_yticklabels()] == rows
    left, right = axes.get_xlim()
    assert left < 0.65
    assert right > 0.9
    assert len(axes.get_legend_handles_labels()[0]) == 2


def test_equal_values_have_room_too():
    axes = new_figure().subplots()
    show_values(axes, ["one", "other"], {"one": 0.5, "other": 0.5})
    left, right = axes.get_xlim()
    assert left < 0.5 < right
