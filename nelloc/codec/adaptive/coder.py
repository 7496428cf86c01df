"""Adaptive coder of tiles that repeat themselves, have few colours, or are not photographs.

Each pixel is first compared with up to three *candidates*: colours that followed the same neighbourhood before, and
its neighbours. One digit says which it is, or that it is none; then its samples, or its place in the palette, are
coded. All probabilities are learned on the way. Encoding and decoding are one code: ``DigitCoder.digits`` is handed the
digits by the encoder and returns them in the decoder. docs/methods/adaptive.md, section 12, is the specification.

Tiles of one shape that are coded in one way go side by side, since NumPy takes about as long for a step of several as
for that of one. Each learns by itself, so the bytes do not depend on it.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nelloc.codec.adaptive.colours import indexed, packed
from nelloc.codec.adaptive.contexts import (
    CHOICE_CONTEXTS,
    CHOICE_SETS,
    NEIGHBOURS,
    NORTH,
    SAMPLE_CONTEXTS,
    SYMBOL_CONTEXTS,
    WEST,
    Around,
    bit_length,
    choice_contexts,
    first_three,
    likely_colours,
    sample_contexts,
    symbol_contexts,
    unzigzag,
    zigzag,
)
from nelloc.codec.adaptive.digits import DigitModel
from nelloc.codec.adaptive.memory import ColourMemory, Recalled, mixed
from nelloc.codec.adaptive.neighbourhood import Field, Numbers, Steps
from nelloc.varint import MalformedError

RADIX = 4
NONE_OF_THEM = 3

# Sizes of the three neighbourhoods remembered.
_SIZES = (11, 6, 2)
_LONGEST_RUN = 40
# Multiplier that spreads the nodes of a digit tree over a table.
_NODE = 40503
_PALETTE_CONTEXTS, _PALETTE_BITS = 3, 10


class Form(enum.IntEnum):
    """Form in which the pixels of a tile are coded."""

    PALETTE = 1  # candidates, or the place in the palette
    CANDIDATES_PREDICTED = 2  # candidates, or samples less their prediction
    CANDIDATES_PLAIN = 3  # candidates, or samples
    PREDICTED = 4  # samples less their prediction
    PLAIN = 5  # samples
    STEADY = 6  # samples, which depend on nothing

    @property
    def has_candidates(self) -> bool:
        """True if pixels are compared with candidates first."""
        return self <= Form.CANDIDATES_PLAIN

    @property
    def predicts(self) -> bool:
        """True if samples are coded less their prediction."""
        return self in (Form.CANDIDATES_PREDICTED, Form.PREDICTED)


class DigitCoder(Protocol):
    """Entropy coder of digits, for encoding or for decoding."""

    def digits(self, known: Numbers | None, frequencies: NDArray[np.float64], tiles: Numbers) -> Numbers:
        """Code digits (N,) of frequencies (N, RADIX): ``known`` when encoding, read when decoding.

        ``tiles`` (N,), in ascending order, are the tiles that they belong to.
        """
        ...


@dataclass(frozen=True)
class Shape:
    """A tile: its sides, and the bits of each sample of its ``planes`` planes."""

    planes: int
    height: int
    width: int
    bits: int


def code(
    coder: DigitCoder,
    form: Form,
    order: Sequence[int],
    shape: Shape,
    colours: Sequence[int],
    samples: Sequence[NDArray] | None,
) -> NDArray[np.int64]:
    """Code tiles, whose ``samples`` (planes, H, W) are known when encoding, and return theirs (tiles, planes, H, W).

    Samples of a pixel that is none of its candidates are coded in the given ``order`` of planes. ``colours`` are the
    sizes of the tiles' palettes, all with the same ``palette_digits``, or 0 in forms that have none. Raises
    MalformedError for digits that no encoder writes.
    """
    if form is not Form.PALETTE:
        return _Walk(coder, form, order, shape, np.array(colours), samples).run()
    known, indices = None, None
    if samples is not None:
        known, indices = zip(*(indexed(tile, shape.bits) for tile in samples), strict=True)
    palettes = _code_palettes(coder, known, np.array(colours), shape)
    table = _Walk(coder, form, (0,), Shape(1, shape.height, shape.width, 8), np.array(colours), indices).run()
    return np.stack([palette[:, tile[0]] for palette, tile in zip(palettes, table, strict=True)])


def palette_digits(colours: int) -> int:
    """Number of digits of a place in a palette."""
    return max(1, -(-(colours - 1).bit_length() // 2))


def table_bytes(form: Form, shape: Shape) -> int:
    """Approximate number of bytes of memory for each tile."""
    area_bits, hash_bits, sample_bits, memory_bits = _table_bits(shape)
    counts = (SAMPLE_CONTEXTS << sample_bits) + (CHOICE_CONTEXTS << hash_bits if form.has_candidates else 0)
    memories = 32 * len(_SIZES) << memory_bits if form.has_candidates else 0
    return 16 * counts + memories + (32 * shape.planes << area_bits)


def _table_bits(shape: Shape) -> tuple[int, int, int, int]:
    """Bits of the number of pixels, and of the places of tables: of choices, of samples, of memories."""
    area_bits = max(8, (shape.height * shape.width - 1).bit_length())
    return area_bits, min(area_bits, 16), min(area_bits + 2, 18), min(area_bits + 1, 20)


def _code_palettes(coder: DigitCoder, palettes: Sequence[Numbers] | None, colours: Numbers, shape: Shape) -> Numbers:
    """Palettes (tiles, planes, n), coded colour by colour, each sample less that of the colour before."""
    tree = _Tree(_PALETTE_CONTEXTS, _PALETTE_BITS, 1, shape.bits, len(colours))
    result = np.zeros((len(colours), shape.planes, colours.max()), np.int64)
    modulus = 1 << shape.bits
    before = np.zeros((shape.planes, len(colours)), np.int64)
    for k in range(colours.max()):
        tiles = np.flatnonzero(colours > k)
        last = np.zeros(len(tiles), np.int64)
        for plane in reversed(range(shape.planes)):
            previous = result[tiles, plane, k - 1] if k else np.zeros(len(tiles), np.int64)
            known = None
            if palettes is not None:
                known = (np.array([palettes[tile][plane, k] for tile in tiles.tolist()]) - previous) % modulus
            place = np.full(len(tiles), plane)
            parts = ((place,), (place, last), (place, before[plane, tiles]))
            contexts = [mixed(part, _PALETTE_BITS) for part in parts]
            last = tree.code(coder, known, contexts, np.zeros(len(tiles), np.int64), tiles)
            before[plane, tiles] = last
            result[tiles, plane, k] = (last + previous) % modulus
    return result


class _Tree:
    """Numbers of ``bits`` bits as digits, most significant first, each in the context of those before it."""

    def __init__(self, contexts: int, table_bits: int, sets: int, bits: int, tiles: int, *, steady: bool = False):
        self.contexts = contexts
        self._digits = max(1, -(-bits // 2))
        self._mask = (1 << table_bits) - 1
        # Each digit up to the fourth has weights for everything known; the others have weights of their own.
        self._nodes = sum(RADIX**k for k in range(min(self._digits, 4))) + max(0, self._digits - 4)
        self._model = DigitModel(contexts, 1 << table_bits, sets * self._nodes, tiles, steady=steady)

    def code(
        self, coder: DigitCoder, known: Numbers | None, contexts: Sequence[Numbers], sets: Numbers, tiles: Numbers
    ) -> Numbers:
        """Code numbers (N,) of ``tiles``, in hashed contexts (N,) of each table."""
        value = np.zeros(len(sets), np.int64)
        first = 0
        for k in range(self._digits):
            node = value + first
            weights = sets * self._nodes + (node if k < 4 else 81 + k)
            at = [context + node * _NODE & self._mask for context in contexts]
            frequencies = self._model.predict(at, weights, tiles)
            digit = None if known is None else known >> 2 * (self._digits - 1 - k) & 3
            digit = coder.digits(digit, frequencies, tiles)
            self._model.learn(digit)
            value = value * RADIX + digit
            first += RADIX**k
        return value


class _Walk:
    """Tiles of one shape on their way along the wavefront, side by side."""

    def __init__(
        self,
        coder: DigitCoder,
        form: Form,
        order: Sequence[int],
        shape: Shape,
        colours: Numbers,
        samples: Sequence[NDArray] | None,
    ):
        self._coder, self._form, self._order, self._shape = coder, form, order, shape
        self._colour_counts, tiles = colours, len(colours)
        self._steps = Steps(shape.height, shape.width, tiles)
        self._truth = None
        if samples is not None:
            self._truth = [Field(self._steps, np.stack([tile[k] for tile in samples])) for k in range(shape.planes)]
        self._planes = [Field(self._steps) for _ in range(shape.planes)]
        self._residuals = [Field(self._steps) for _ in range(shape.planes)]
        self._colours, self._choices = Field(self._steps), Field(self._steps)
        self._runs = Field(self._steps), Field(self._steps)  # of equal pixels to the left, and above
        _, self._hash_bits, self._sample_bits, memory_bits = _table_bits(shape)
        if form.has_candidates:
            self._memories = [ColourMemory(memory_bits, tiles) for _ in _SIZES]
            self._choice_model = DigitModel(CHOICE_CONTEXTS, 1 << self._hash_bits, CHOICE_SETS, tiles)
        if form is Form.PALETTE:
            symbol_bits = 2 * palette_digits(int(colours[0]))
            self._tree = _Tree(SYMBOL_CONTEXTS, self._sample_bits, 1, symbol_bits, tiles)
        elif form is Form.STEADY:
            self._tree = _Tree(1, self._sample_bits, shape.planes, shape.bits, tiles, steady=True)
        else:
            self._tree = _Tree(SAMPLE_CONTEXTS, self._sample_bits, shape.planes, shape.bits, tiles)

    def run(self) -> Numbers:
        """Code all steps; returns the samples (tiles, planes, H, W)."""
        for count in self._steps:
            self._tiles = np.arange(self._steps.tiles).repeat(count)
            predicts = self._form is not Form.PALETTE
            self._predictions = [Around.of(plane).prediction for plane in self._planes] if predicts else []
            if not self._form.has_candidates:
                self._code_samples(np.arange(len(self._tiles)))
                continue
            colours, recalled = Around.of(self._colours), self._recall()
            candidates = self._candidates(recalled, colours)
            choice = self._code_choice(candidates, recalled, colours)
            others = np.flatnonzero(choice == NONE_OF_THEM)
            colour = np.choose(choice, [*candidates, candidates[0]])
            if (colour < 0).any():
                raise MalformedError("a candidate that is not there")
            for k, plane in enumerate(self._planes):
                plane.set(colour >> self._shape.bits * k & (1 << self._shape.bits) - 1)
            if len(others):
                if self._form is Form.PALETTE:
                    self._code_symbols(others, candidates)
                else:
                    self._code_samples(others)
            self._settle(recalled, choice, colours)
        return np.stack([plane.whole() for plane in self._planes], axis=1)

    def _recall(self) -> list[Recalled]:
        neighbours = [self._colours[offset] for offset in NEIGHBOURS]
        sized = zip(self._memories, _SIZES, strict=True)
        return [memory.recall(neighbours[:size], self._tiles) for memory, size in sized]

    def _candidates(self, recalled: list[Recalled], colours: Around) -> list[Numbers]:
        """The first three different colours among those that are likely."""
        in_palette = self._form is Form.PALETTE
        extra = recalled[-1].second if in_palette else packed(self._predictions, self._shape.bits)
        return first_three(likely_colours(recalled, colours, extra))

    def _code_choice(self, candidates: list[Numbers], recalled: list[Recalled], colours: Around) -> Numbers:
        """Code the number of the candidate that each pixel of the step is, or NONE_OF_THEM."""
        choices = Around.of(self._choices)
        contexts, sets = choice_contexts(candidates, recalled, colours, choices, self._runs)
        hashed = [mixed(parts, self._hash_bits) for parts in contexts]
        frequencies = self._choice_model.predict(hashed, sets, self._tiles)
        known = None
        if self._truth is not None:
            truth = packed([plane[0, 0] for plane in self._truth], self._shape.bits)
            known = np.select([truth == candidate for candidate in candidates], [0, 1, 2], NONE_OF_THEM)
        choice = self._coder.digits(known, frequencies, self._tiles)
        self._choice_model.learn(choice)
        return choice

    def _code_symbols(self, others: Numbers, candidates: list[Numbers]) -> None:
        """Code places in the palette of the pixels ``others`` of the step."""
        first, second, _ = candidates
        contexts = symbol_contexts(Around.of(self._colours, others), first[others], second[others])
        hashed = [mixed(parts, self._sample_bits) for parts in contexts]
        known = None if self._truth is None else self._truth[0][0, 0][others]
        tiles = self._tiles[others]
        symbols = self._tree.code(self._coder, known, hashed, np.zeros(len(others), np.int64), tiles)
        if (symbols >= self._colour_counts[tiles]).any():
            raise MalformedError("a colour that is not in the palette")
        self._planes[0].put(others, symbols)

    def _code_samples(self, others: Numbers) -> None:
        """Code the samples of the pixels ``others`` of the step, plane by plane."""
        bits, predicts = self._shape.bits, self._form.predicts
        modulus = 1 << bits
        around = [Around.of(plane, others) for plane in self._planes]
        activity = [each.activity for each in around]
        total = bit_length(np.sum(activity, axis=0))
        first_residual = nothing = np.zeros(len(others), np.int64)
        # Samples of the planes so far, and their deviations from predictions: 0 before the first plane.
        samples: list[Numbers] = []
        deviations = [nothing, nothing]
        for number, k in enumerate(self._order):
            plain, residuals = self._predictions[k][others], self._residuals[k]
            prediction = np.clip(plain + first_residual, 0, modulus - 1) if predicts else nothing
            errors = residuals[WEST][others], residuals[NORTH][others]
            levels = bit_length(activity[k]), total
            contexts = sample_contexts(number, around[k], errors, plain, levels, samples, deviations)
            hashed = [mixed(parts, self._sample_bits) for parts in contexts[: self._tree.contexts]]
            known = None if self._truth is None else self._truth[k][0, 0][others]
            if known is not None and predicts:
                known = zigzag(known - prediction, bits)
            sets = np.full(len(others), number)
            value = self._tree.code(self._coder, known, hashed, sets, self._tiles[others])
            if value.max() >= modulus:
                raise MalformedError("a sample out of range")
            if predicts:
                value = (unzigzag(value) + prediction) % modulus
            self._planes[k].put(others, value)
            residuals.put(others, value - plain)
            if number == 0:
                first_residual = value - plain
            samples.append(value)
            deviations.append(value - prediction)

    def _settle(self, recalled: list[Recalled], choice: Numbers, colours: Around) -> None:
        """Fill in what later steps need, and learn."""
        colour = packed([plane[0, 0] for plane in self._planes], self._shape.bits)
        for residuals, plane, prediction in zip(self._residuals, self._planes, self._predictions, strict=False):
            residuals.set(plane[0, 0] - prediction)
        self._colours.set(colour)
        self._choices.set(choice)
        for runs, offset, before in zip(self._runs, (WEST, NORTH), colours[:2], strict=True):
            longer = np.minimum(runs[offset] + 1, _LONGEST_RUN)
            runs.set(np.where(colour == before, longer, 0))
        for memory, known in zip(self._memories, recalled, strict=True):
            memory.learn(known, colour)
