"""Callbacks of long work, which may raise to stop it."""

from __future__ import annotations

from collections.abc import Callable

# Receives the number of pixels coded, or of other steps done, since its last call; often 0.
Advance = Callable[[int], object]
# Is called now and then.
Watch = Callable[[], object]
