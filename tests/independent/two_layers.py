"""Section 14: learning in the last two layers."""

from __future__ import annotations

import operator

from independent.learning import LastLayer
from independent.mixture import Pixel
from independent.model_file import Model
from independent.notation import clamp, require


class TwoLayers:
    """Section 14: what is learned in one tile by the last layer and the hidden one before it."""

    def __init__(self, model: Model) -> None:
        self.model, self.last_layer = model, LastLayer(model)
        require(len(model.layers) > 2, "a model that cannot learn in two layers")
        self.hidden, self.last = model.layers[-2:]
        k, c = model.components, model.channels
        self.bits = [6] * k + [8] * c * k + [5] * c * k + [8] * (3 * k if c == 3 else 0)
        self.own_back = self.weights_back()
        self.require_bounds()
        # Of each layer, last and hidden: changes, averages, and squares.
        self.d = [[[0] * (len(row) + 1) for row in layer.weight] for layer in (self.last, self.hidden)]
        self.m = [[row[:] for row in rows] for rows in self.d]
        self.q = [[3264] * len(rows[0]) for rows in self.d]
        self.e, self.n, self.steps = [64 << 14] * len(self.hidden.weight), 64, 0

    def require_bounds(self) -> None:
        """The conditions for a model."""
        correction = 127 * 255 * (max(len(self.hidden.weight), len(self.hidden.weight[0])) + 1)
        sums = [
            [255 * sum(map(abs, row)) + abs(bias) for row, bias in zip(layer.weight, layer.bias, strict=True)]
            for layer in (self.last, self.hidden)
        ]
        good = self.hidden.skip is None and max(self.hidden.shift) <= 9 and correction < 1 << 24
        good = good and max(abs(w) for layer in (self.last, self.hidden) for row in layer.weight for w in row) < 1 << 15
        good = (
            good and max(s >> t for s, t in zip(sums[0], self.last.shift, strict=True)) + correction // 64 + 2 < 1 << 24
        )
        good = good and max(s << 9 - t for s, t in zip(sums[1], self.hidden.shift, strict=True)) + correction < 1 << 31
        require(good, "a model that cannot learn in two layers")
        columns = zip(*self.own_back, strict=True)
        most = max(sum(min(abs(w) + 64, 1 << 15) for w in column) for column in columns)
        require(511 * most < 1 << 31, "a model that cannot learn in two layers")

    def weights_back(self) -> list[list[int]]:
        """v of the model itself, for each output and unit."""
        found = []
        for row, shift, bits in zip(self.last.weight, self.last.shift, self.bits, strict=True):
            by = 13 - bits - shift
            scaled = [rounded(w, -by) if by < 0 else w << by for w in row]
            found.append([clamp(w, -32768, 32767) for w in scaled])
        return found

    def evaluated(self, x: list[int]) -> tuple[list[int], tuple[list[int], list[int], list[int]]]:
        """The outputs of a pixel by averages; what the hidden layer is given; it and the outputs as they learn."""
        layers = self.model.layers
        given = x
        outputs: list[list[int]] = []
        for layer in layers[:-2]:
            rows = zip(layer.weight, layer.bias, layer.shift, strict=True)
            given = [(sum(map(operator.mul, weight, given)) + bias) >> shift for weight, bias, shift in rows]
            if layer.skip is not None:
                given = [a + b for a, b in zip(given, outputs[layer.skip], strict=True)]
            given = [clamp(y, 0, 255) for y in given]
            outputs.append(given)
        averaged, _ = self.outputs(given, *self.m, 17)
        raw, units = self.outputs(given, *self.d, 13)
        return averaged, (given, units, raw)

    def outputs(
        self, given: list[int], last: list[list[int]], hidden: list[list[int]], bits: int
    ) -> tuple[list[int], list[int]]:
        """The outputs by changes of the last and of the hidden layer, and the hidden layer's units."""
        units, outputs = [], []
        for weight, bias, shift, row in zip(
            self.hidden.weight, self.hidden.bias, self.hidden.shift, hidden, strict=True
        ):
            own = sum(map(operator.mul, weight, given)) + bias
            change = sum(rounded(d, bits) * x for d, x in zip(row, [*given, 32], strict=True))
            units.append(clamp((own << 9 - shift) + change >> 9, 0, 255))
        rows = zip(self.last.weight, self.last.bias, self.last.shift, last, self.bits, strict=True)
        for weight, bias, shift, row, fraction in rows:
            own = sum(map(operator.mul, weight, units)) + bias >> shift
            change = sum(rounded(d, bits) * x for d, x in zip(row, [*units, 32], strict=True))
            outputs.append(own + rounded(change, 14 - fraction))
        return outputs, units

    def learn(self, step: list[tuple[Pixel, tuple[list[int], list[int], list[int]]]]) -> None:
        """Change, after a step of pixels and what ``evaluated`` gave beside their outputs."""
        lessons = []
        for pixel, (given, units, raw) in step[:256]:
            again = Pixel(self.model, pixel.base, pixel.level, raw, 8)
            for value in pixel.values:
                again.begin_plane()
                again.lo = value
                again.end_plane()
            g = self.last_layer.gradients(again)
            lessons.append((g, self.true(g, raw), [*units, 32], [*given, 32]))
        moves = self.moves(lessons)
        self.n += len(lessons)
        self.steps += 1
        pace = min(4, self.steps.bit_length() - 1)
        self.follow(0, 4, pace, [(g, units) for g, _, units, _ in lessons])
        self.follow(1, 16, pace, [(move, given) for move, (_, _, _, given) in zip(moves, lessons, strict=True)])

    def true(self, g: list[int], raw: list[int]) -> list[int]:
        """t of every output."""
        k, c = self.model.components, self.model.channels
        scales = raw[(1 + c) * k : (1 + 2 * c) * k]
        inverse = [64 - (s & 31) << 6 - clamp(s >> 5, -6, 6) for s in scales]
        found = g[:k]
        found += [rounded(2 * x * f, 12) for x, f in zip(g[k : (1 + c) * k], inverse, strict=True)]
        found += [rounded(355 * x, 8) for x in g[(1 + c) * k : (1 + 2 * c) * k]]
        of = inverse[k : 2 * k] + 2 * inverse[2 * k :]
        found += [rounded(4 * x * f, 12) for x, f in zip(g[(1 + 2 * c) * k :], of, strict=False)]
        return [clamp(x, -511, 511) for x in found]

    def moves(self, lessons: list[tuple[list[int], list[int], list[int], list[int]]]) -> list[list[int]]:
        """By how much the hidden layer's units should move, for each pixel."""
        back = [
            [clamp(w + rounded(d, 14), -32768, 32767) for w, d in zip(own, row[:-1], strict=True)]
            for own, row in zip(self.own_back, self.d[0], strict=True)
        ]
        columns = list(zip(*back, strict=True))
        by = [max((e // self.n).bit_length() // 2 - 2, 0) for e in self.e]
        moves = []
        for _, t, units, _ in lessons:
            errors = [clamp(rounded(sum(map(operator.mul, v, t)), 5), -4095, 4095) for v in columns]
            errors = [error if 0 < unit < 255 else 0 for error, unit in zip(errors, units, strict=False)]
            self.e = [e + error**2 for e, error in zip(self.e, errors, strict=True)]
            moves.append([clamp(rounded(error, b), -127, 127) for error, b in zip(errors, by, strict=True)])
        return moves

    def follow(self, layer: int, gain: int, pace: int, lessons: list[tuple[list[int], list[int]]]) -> None:
        """Change one layer by gradients and units of pixels."""
        for j in range(len(self.q[layer])):
            self.q[layer][j] += sum(a[j] ** 2 for _, a in lessons)
            u = (max(2, (self.q[layer][j] // self.n).bit_length()) - 10) // 2 + 4
            for o, (row, mean) in enumerate(zip(self.d[layer], self.m[layer], strict=True)):
                change = rounded(gain * sum(g[o] * a[j] for g, a in lessons), u)
                row[j] = clamp(row[j] + change, -127 << 13, 127 << 13)
                mean[j] += rounded((row[j] << 4) - mean[j], pace)


def rounded(number: int, bits: int) -> int:
    """A number without its last bits, rounded: those of sections 13 and 14."""
    return number + (1 << bits >> 1) >> bits
