"""Section 13: learning in the last layer."""

from __future__ import annotations

from independent.mixture import Pixel
from independent.model_file import Model
from independent.notation import clamp, require


class LastLayer:
    """Section 13: what is learned in one tile."""

    def __init__(self, model: Model) -> None:
        self.model = model
        last = model.layers[-1]
        units = len(last.weight[0]) + 1
        largest = 127 * 255 * units
        rows = zip(last.weight, last.bias, last.shift, strict=True)
        sums = [(255 * sum(map(abs, weight)) + abs(bias) >> shift) + largest // 128 + 2 for weight, bias, shift in rows]
        require(model.joint and max(largest, *sums) < 1 << 24, "a model that cannot learn")
        self.d = [[0] * units for _ in last.bias]
        self.q, self.n = [3264] * units, 64
        k, c = model.components, model.channels
        self.shifts = [9] * k + [7] * c * k + [10] * c * k + [7] * (3 * k if c == 3 else 0)

    def corrected(self, outputs: list[int], a: list[int]) -> list[int]:
        """The outputs of a pixel for which the last layer is given ``a``."""
        changes = [sum((d + 2048 >> 12) * x for d, x in zip(row, [*a, 32], strict=True)) for row in self.d]
        each = zip(outputs, changes, self.shifts, strict=True)
        return [output + (change + (1 << s - 1) >> s) for output, change, s in each]

    def learn(self, step: list[tuple[Pixel, list[int]]]) -> None:
        """Change, after a step of pixels and what the last layer was given for each."""
        lessons = [(self.gradients(pixel), [*a, 32]) for pixel, a in step[:256]]
        self.n += len(lessons)
        for j in range(len(self.q)):
            self.q[j] += sum(a[j] ** 2 for _, a in lessons)
            u = (max(2, (self.q[j] // self.n).bit_length()) - 10) // 2 + 4
            for o, row in enumerate(self.d):
                change = 4 * sum(g[o] * a[j] for g, a in lessons)
                row[j] = clamp(row[j] + (change + ((1 << u) >> 1) >> u), -127 * 4096, 127 * 4096)

    def gradients(self, pixel: Pixel) -> list[int]:
        """g of every output."""
        k, c = self.model.components, self.model.channels
        r, zeros = pixel.w, [0] * k
        scale = self.model.tables["context.mean_scale"][pixel.level]
        pairs = zip(pixel.values, pixel.base, strict=False)
        deviations = [clamp(256 * (4 * x - base) // scale, -64, 64) for x, base in pairs]
        logits = [y - w + 32 >> 6 for y, w in zip(r, pixel.first_w, strict=True)]
        means, scales, pulls = [], [], []
        for edges in pixel.edges:
            pulls.append([y * (b + c - 32768) for y, (b, c, _, _) in zip(r, edges, strict=True)])
            means.append([pull + (1 << 21) >> 22 for pull in pulls[-1]])
            tops = [zb * b * (32768 - b) - zc * c * (32768 - c) for b, c, zb, zc in edges]
            e = [clamp(top // (max(c - b, 1) << 19), -64, 192) for top, (b, c, _, _) in zip(tops, edges, strict=True)]
            scales.append([y * x + 4096 >> 13 for y, x in zip(r, e, strict=True)])
        coefficients = [zeros] * (3 if c == 3 else 0)
        for place, (p, q) in enumerate([(1, 0), (2, 0), (2, 1)]):
            if p < len(pulls):
                coefficients[place] = [pull * deviations[q] + (1 << 26) >> 27 for pull in pulls[p]]
        missing = [zeros] * (c - len(means))
        return [g for block in (logits, *means, *missing, *scales, *missing, *coefficients) for g in block]
