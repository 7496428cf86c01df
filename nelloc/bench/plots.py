"""Plots as SVG that takes its colours from the page: classes ``own``, ``peer``, ``grid``, ``axis``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 560, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 18, 16, 46
_CHARACTER, _LINE = 6.6, 14  # approximate width of the labels' font


@dataclass(frozen=True)
class Point:
    """Codec in a plot: ``group`` joins the efforts of one."""

    label: str
    group: str
    own: bool
    speed: float
    rate: float


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    width: float
    height: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def inside(self) -> bool:
        right, bottom = self.left + self.width, self.top + self.height
        return self.left >= _LEFT and right <= WIDTH - 2 and self.top >= 2 and bottom <= HEIGHT - _BOTTOM


def rate_against_speed(points: Sequence[Point], title: str) -> str:
    """Draw a scatter plot: megabytes a second, in logarithms, to the right; bits per dimension upwards."""
    low, high = (f(p.speed for p in points) for f in (min, max))
    span = math.log10(high / low)
    first, last = math.log10(low) - 0.15 - 0.2 * span, math.log10(high) + 0.15 + 0.1 * span  # with room for labels
    bottom, top = _range(p.rate for p in points)

    def x(speed: float) -> float:
        """Horizontal position of a speed."""
        return _LEFT + (math.log10(speed) - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def y(rate: float) -> float:
        """Vertical position of a rate."""
        return HEIGHT - _BOTTOM - (rate - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for value in _speed_ticks(first, last):
        parts.append(_line(x(value), _TOP, x(value), HEIGHT - _BOTTOM, "grid"))
        parts.append(_text(x(value), HEIGHT - _BOTTOM + 18, f"{value:g}", "middle", "axis"))
    for value in _rate_ticks(bottom, top):
        parts.append(_line(_LEFT, y(value), WIDTH - _RIGHT, y(value), "grid"))
        parts.append(_text(_LEFT - 8, y(value) + 4, f"{value:.3g}", "end", "axis"))
    parts.append(_text((WIDTH + _LEFT) / 2, HEIGHT - 8, f"{title}, MB/s", "middle", "axis"))
    parts.append(_text(4, 12, "bits per dimension", "start", "axis"))
    taken = [_Box(x(p.speed) - 6, y(p.rate) - 6, 12, 12) for p in points]
    for kind, ends in _joins(points):
        places = [(x(p.speed), y(p.rate)) for p in ends]
        parts.append(f'<polyline class="{kind}" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>')
        taken += [box for a, b in pairwise(places) for box in _along(a, b)]
    for point in sorted(points, key=lambda p: not p.own):
        kind = "own" if point.own else "peer"
        told = escape(f"{point.label}: {point.rate:.3f} bpd, {point.speed:.3g} MB/s")
        parts.append(
            f'<circle class="{kind}" cx="{x(point.speed):.1f}" cy="{y(point.rate):.1f}" r="{6 if point.own else 5}">'
            f"<title>{told}</title></circle>"
        )
        box, anchor = _label_place(x(point.speed), y(point.rate), point.label, taken)
        taken.append(box)
        left = {"start": box.left, "end": box.left + box.width, "middle": box.left + box.width / 2}[anchor]
        parts.append(_text(left, box.top + 11, point.label, anchor, f"label {kind}"))
    return "".join([*parts, "</svg>"])


def _joins(points: Sequence[Point]) -> list[tuple[str, list[Point]]]:
    """Class and points of the lines that join the efforts of one codec."""
    groups = [[p for p in points if p.group == group] for group in dict.fromkeys(p.group for p in points)]
    return [("own" if own[0].own else "peer", sorted(own, key=lambda p: p.speed)) for own in groups if len(own) > 1]


def _along(start: tuple[float, float], end: tuple[float, float]) -> list[_Box]:
    """Small boxes on a line, for labels to avoid."""
    count = 1 + int(math.dist(start, end) / 4)
    shares = [n / count for n in range(count + 1)]
    return [_Box(start[0] + s * (end[0] - start[0]), start[1] + s * (end[1] - start[1]), 1, 1) for s in shares]


def _label_place(x: float, y: float, label: str, taken: Sequence[_Box]) -> tuple[_Box, str]:
    """First position of a label beside a point that overlaps nothing, or the least."""
    width = _CHARACTER * len(label)
    places = [
        (_Box(x + 9, y - 8, width, _LINE), "start"),
        (_Box(x - 9 - width, y - 8, width, _LINE), "end"),
        (_Box(x - width / 2, y - 22, width, _LINE), "middle"),
        (_Box(x - width / 2, y + 8, width, _LINE), "middle"),
        (_Box(x + 7, y - 20, width, _LINE), "start"),
        (_Box(x + 7, y + 6, width, _LINE), "start"),
        (_Box(x - 7 - width, y - 20, width, _LINE), "end"),
        (_Box(x - 7 - width, y + 6, width, _LINE), "end"),
        (_Box(x - width / 2, y - 36, width, _LINE), "middle"),
        (_Box(x - width / 2, y + 22, width, _LINE), "middle"),
    ]
    inside = [place for place in places if place[0].inside()] or places
    return min(inside, key=lambda place: sum(place[0].meets(box) for box in taken))


def _range(rates: Iterable[float]) -> tuple[float, float]:
    """Range of the rates, with a margin."""
    values = list(rates)
    margin = 0.08 * (max(values) - min(values)) or 0.1
    return max(0.0, min(values) - margin), max(values) + margin


def _speed_ticks(first: float, last: float) -> list[float]:
    """Powers of ten, and their doubles and halves if there are few."""
    factors = (1,) if last - first > 2.5 else (1, 2, 5)
    exponents = range(math.floor(first), math.ceil(last) + 1)
    return [f * 10.0**n for n in exponents for f in factors if first <= math.log10(f * 10.0**n) <= last]


def _rate_ticks(bottom: float, top: float) -> list[float]:
    """Four to ten round numbers."""
    step = 10.0 ** math.floor(math.log10((top - bottom) / 4))
    step = next(f * step for f in (1, 2, 5, 10) if (top - bottom) / (f * step) <= 9)
    return [n * step for n in range(math.ceil(bottom / step), math.floor(top / step) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
