"""Random models of every sort that docs/FORMAT.md, section 2, allows: of no use but to find where arithmetic ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from nelloc.exact.context import INPUT_CLIP, INPUT_STEPS, ContextTables, Inputs, input_count
from nelloc.exact.model import (
    ACTIVATION_MAX,
    COARSE_BITS,
    MAX_SHIFT,
    SUM_LIMIT,
    ExactModel,
    Layer,
    MixtureTables,
    load_model,
    output_count,
    save_model,
)

# Magnitudes of weights: of trained models, the ends of 8 and of 16 bits, beyond them, and as large as one may be.
WEIGHTS = ("small", "8 bits", "9 bits", "16 bits", "largest", "none")
# Sums of rows: of random weights, or just below the limit, of one sign or of alternating ones.
SUMS = ("random", "limit", "alternating")
SHIFTS = ("useful", "any", "least", "most")
# Hidden layers: one, a few in a row, and residual blocks, r0 to r3 of which the thesis has.
SHAPES = ("one", "plain", "r0", "r1", "r2", "r3", "any skips")
WIDTHS = (1, 3, 4, 15, 16, 17, 33, 63, 64, 65)


@dataclass(frozen=True)
class _LayerStyle:
    weights: str
    sums: str
    shifts: str


def _weights(random: np.random.Generator, rows: int, columns: int, style: _LayerStyle, room: int) -> np.ndarray:
    """Weights whose magnitudes sum to at most ``room`` in each row."""
    if style.sums != "random":
        weight = np.full((rows, columns), room // columns)
        weight[:, : room % columns] += 1
        sign = np.where(np.arange(rows)[:, None] % 2, 1, -1)
        return weight * (sign * (-1) ** np.arange(columns) if style.sums == "alternating" else sign)
    limit = {"small": 60, "8 bits": 128, "9 bits": 300, "16 bits": 1 << 15, "largest": room, "none": 0}[style.weights]
    weight = random.integers(-limit, limit + 1, (rows, columns))
    if style.weights not in ("small", "none"):  # often the ends of the range
        ends = random.choice(np.array([-limit, limit - 1, limit]), weight.shape)
        weight = np.where(random.random(weight.shape) < 0.2, ends, weight)
    for row in weight:
        order = random.permutation(columns)
        row[order[np.cumsum(np.abs(row[order])) > room]] = 0
    return weight


def _layer(
    random: np.random.Generator,
    rows: int,
    columns: int,
    largest: int,
    style: _LayerStyle,
    skip: int | None,
    final: bool,
) -> Layer:
    weight = _weights(random, rows, columns, style, (SUM_LIMIT - 1) // largest)
    sums = largest * np.abs(weight).sum(axis=1)
    room = SUM_LIMIT - 1 - sums
    bias = random.integers(-room, room + 1) if style.shifts == "any" else random.integers(-3000, 3001, rows)
    if style.sums != "random":
        bias = np.where(np.arange(rows) % 2, room, -room)
    bias = np.clip(bias, -room, room)
    useful = np.maximum(0, np.floor(np.log2(np.maximum(sums, 1))).astype(int) - (13 if final else 9))
    shift = {
        "useful": np.minimum(useful, MAX_SHIFT),
        "any": random.integers(0, MAX_SHIFT + 1, rows),
        "least": np.zeros(rows, int),
        "most": np.full(rows, MAX_SHIFT),
    }[style.shifts]
    return Layer(*(a.astype(np.int32) for a in (weight, bias, shift)), skip)


def _hidden(draw: st.DrawFn) -> tuple[list[int], list[int | None]]:
    """Widths of the hidden layers, and their skips."""
    shape, width = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(WIDTHS))
    if shape == "one":
        return [width], [None]
    if shape in ("plain", "any skips"):
        widths = draw(st.lists(st.sampled_from((width, draw(st.sampled_from(WIDTHS)))), min_size=1, max_size=5))
        skips: list[int | None] = []
        for index, own in enumerate(widths):
            before = [k for k in range(index) if widths[k] == own] if shape == "any skips" else []
            skips.append(draw(st.sampled_from([None, *before])))
        return widths, skips
    blocks = int(shape[1])
    skips = [None]
    for _ in range(blocks):
        skips += [None, len(skips) - 1]
    return [width] * len(skips), skips


def _context(draw: st.DrawFn, random: np.random.Generator, channels: int, inputs: Inputs, deep: bool) -> ContextTables:
    if draw(st.booleans()):
        return ContextTables.of(channels, inputs)
    count = 1 if inputs == "raw" else draw(st.integers(8 if deep else 1, 100))
    step = draw(st.sampled_from((1, 3, 200, 1 << 20)))
    thresholds = np.concatenate([[0], np.cumsum(random.integers(1, step + 1, count - 1))])
    if deep and 2 * thresholds[-8] + 18 * channels <= thresholds[-1]:  # whose octaves would go on in no order
        thresholds[-8:] = thresholds[-8] + np.arange(8)

    def between(least: int, most: int) -> np.ndarray:
        ends = random.choice(np.array([least, most]), count)
        return np.where(random.random(count) < 0.5, ends, random.integers(least, most + 1, count))

    tables = thresholds, between(1, 16000), between(-INPUT_CLIP, INPUT_CLIP), between(1, 1 << 16), between(-4096, 4096)
    return ContextTables(*(table.astype(np.int32) for table in tables))


def _mixture(draw: st.DrawFn, random: np.random.Generator, deep: bool) -> MixtureTables:
    from nelloc.training.networks.tables import mixture_tables

    if draw(st.booleans()):
        return mixture_tables()
    half = 1 << (COARSE_BITS - 1)
    logistic = np.sort(random.integers(half, 2 * half + 1, draw(st.sampled_from((2, 3, 100, 4096)))))
    logistic[0] = half
    exponential = np.sort(random.integers(0, (1 << 16) + 1, draw(st.sampled_from((1, 2, 50, 4096)))))[::-1]
    exponential[0] = 1 << 16
    scales = random.integers(
        1, draw(st.sampled_from((2, 1 << 14, 1 << 15, 1 << 24))), draw(st.integers(32 if deep else 1, 99))
    )
    return MixtureTables(*(table.astype(np.int32) for table in (logistic, exponential, scales)))


@st.composite
def legal_models(draw: st.DrawFn, deep: bool = False, joint: bool | None = None) -> ExactModel:
    """A model that loads; with ``deep`` one for samples of more than 8 bits too."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels: int = draw(st.sampled_from((1, 3)))
    inputs: Inputs = "normalised" if deep else draw(st.sampled_from(("normalised", "raw")))
    horizon = draw(st.integers(1 if inputs == "raw" else 2, 8))
    borders = horizon * INPUT_STEPS <= INPUT_CLIP and draw(st.booleans())
    components = draw(st.sampled_from((1, 2, 3, 5, 8, 11, 32)))
    widths, skips = _hidden(draw)
    columns, largest, layers = input_count(horizon, channels, inputs, borders), INPUT_CLIP, []
    for width, skip in zip([*widths, output_count(components, channels)], [*skips, None], strict=True):
        style = _LayerStyle(
            *(draw(st.sampled_from(("usual", *choices))) for choices in (WEIGHTS, SUMS, SHIFTS)),
        )
        usual = _LayerStyle("small", "random", "useful")
        parts = [
            own if own != "usual" else other
            for own, other in zip(vars(style).values(), vars(usual).values(), strict=True)
        ]
        layers.append(_layer(random, width, columns, largest, _LayerStyle(*parts), skip, len(layers) == len(widths)))
        columns, largest = width, ACTIVATION_MAX
    data = save_model(
        horizon=horizon,
        components=components,
        joint=draw(st.booleans()) if joint is None else joint,
        layers=tuple(layers),
        context=_context(draw, random, channels, inputs, deep),
        mixture=_mixture(draw, random, deep),
        channels=channels,
        inputs=inputs,
        borders=borders,
    )
    return load_model(data, "a legal model")


def tile_of(random: np.random.Generator, shape: tuple[int, int, int], bits: int) -> np.ndarray:
    """Samples (planes, height, width): noise, noise of the two ends, slopes with noise, or one colour."""
    top = (1 << bits) - 1
    kind = random.integers(4)
    if kind == 0:
        samples = random.integers(0, top + 1, shape)
    elif kind == 1:
        samples = random.integers(0, 2, shape) * top
    elif kind == 2:
        slope = random.normal(size=(shape[0], 1, 1)) * np.add.outer(np.arange(shape[1]), np.arange(shape[2]))
        samples = np.clip(top * (0.5 + slope / 40) + random.normal(size=shape) * top / 60, 0, top)
    else:
        samples = np.broadcast_to(random.integers(0, top + 1, (shape[0], 1, 1)), shape)
    return np.ascontiguousarray(samples, np.uint16 if bits > 8 else np.uint8)
