"""The wavefront: which pixels of a tile are coded together, and in what order.

Pixel (i, j) is coded at step ``t = j + i*(h + 1)``: all it may depend on, the window of horizon h,
is coded at earlier steps (thesis section 5.6). Pixels of one step are ordered by row. In sheared
coordinates, where row i is moved right by ``i*(h + 1)``, a step is a column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def step_count(height: int, width: int, horizon: int) -> int:
    """Number of steps that a tile takes."""
    return width + (height - 1) * (horizon + 1)


def step_rows(step: int, height: int, width: int, horizon: int) -> tuple[int, int]:
    """The rows [first, last) that have a pixel at ``step``; its columns are ``step - row*(h + 1)``."""
    shear = horizon + 1
    first = max(0, -((width - 1 - step) // shear))
    last = min(height, step // shear + 1)
    return first, max(first, last)


def wavefront_order(height: int, width: int, horizon: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Raster indices (H*W,) of a tile's pixels in coding order, and the start of each step (steps + 1,)."""
    rows, columns = np.divmod(np.arange(height * width), width)
    steps = columns + rows * (horizon + 1)
    order = np.argsort(steps, kind="stable")
    starts = np.searchsorted(steps[order], np.arange(step_count(height, width, horizon) + 1))
    return order, starts
