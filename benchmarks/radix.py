"""Choice of the digits of a sample: time per sample of the mixture's CDF and of the coder.

    python benchmarks/radix.py

The format fixed four digits of base 4 by this measurement; the rate differs by less than 0.01 %.
"""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import threadpool_limits

from nelloc.bench import markdown
from nelloc.exact import coder, mixture, model_store
from nelloc.exact.coder import DigitDecoder, encode_digits
from nelloc.exact.context import Normaliser

PIXELS = 1024  # of a step: 16 tiles of 256 x 256 in lock step
TILES = 16
STEPS = 60


def set_radix(radix: int) -> None:
    """Change the mixture's digits, which are constants of the format, for a measurement."""
    digits = {2: 8, 4: 4, 16: 2}[radix]
    mixture.RADIX, mixture.DIGITS = radix, digits
    mixture.STRIDES = tuple(radix**power for power in reversed(range(digits)))
    mixture.FREE_FREQUENCY = 2**mixture.FREQUENCY_BITS - radix
    mixture._INNER = np.arange(1, radix)[:, None]


def measure(radix: int) -> tuple[float, float, float]:
    """Measure nanoseconds per sample of CDF and of coder, and bits per sample, with plausible parameters."""
    set_radix(radix)
    model = model_store.find()
    random = np.random.default_rng(0)
    values = np.clip(128 + random.normal(size=(24, 3, PIXELS)) * random.uniform(1, 20, PIXELS), 0, 255).round()
    normalised = Normaliser(model.horizon, model.context)((values * 4).astype(np.float32))
    outputs = np.floor(random.normal(size=(100, PIXELS)) * 60).astype(np.float32)
    engine = mixture.Mixture(model)
    target = np.clip(normalised.base / 4 + random.normal(size=(3, PIXELS)) * 8, 0, 255).astype(np.int64)
    width = PIXELS // TILES
    seconds = {"cdf": 0.0, "coder": 0.0}
    bits = 0.0
    for _ in range(STEPS):
        rows: list[np.ndarray] = []
        wanted = iter(target[plane] // stride % radix for plane in range(3) for stride in mixture.STRIDES)
        known: list[np.ndarray] = []

        def choose(frequencies, rows=rows, wanted=wanted, known=known):
            rows.append(frequencies)
            known.append(next(wanted))
            return known[-1]

        start = time.perf_counter()
        mixture.run(engine.code(outputs, normalised.base, normalised.level, 3), choose)
        seconds["cdf"] += time.perf_counter() - start
        decoders = []
        for tile in range(TILES):
            part = slice(tile * width, (tile + 1) * width)
            digits = np.concatenate([digit[part] for digit in known]).astype(np.int32)
            data = encode_digits(digits, np.concatenate([row[part] for row in rows]), 0)
            bits += 8 * len(data)
            decoders.append(DigitDecoder(data))
        slices = [(tile, slice(tile * width, (tile + 1) * width)) for tile in range(TILES)]
        start = time.perf_counter()
        decoded = [coder.decode_side_by_side(decoders, slices, row) for row in rows]
        seconds["coder"] += time.perf_counter() - start
        assert all(np.array_equal(a, b) for a, b in zip(decoded, known, strict=True))
    samples = STEPS * PIXELS * 3
    return 1e9 * seconds["cdf"] / samples, 1e9 * seconds["coder"] / samples, bits / samples


def main() -> None:
    rows = []
    with threadpool_limits(limits=1):
        for radix, name in ((2, "2 x 8"), (4, "4 x 4"), (16, "16 x 2")):
            cdf, coding, bits = measure(radix)
            rows.append([name, f"{cdf:.0f}", f"{coding:.0f}", f"{cdf + coding:.0f}", f"{bits:.3f}"])
    heads = ["digits", "CDF, ns", "coder, ns", "both, ns per sample", "bits per sample"]
    print(markdown.table(heads, rows), end="")


if __name__ == "__main__":
    main()
