"""Limits of images."""

# Images that announce more pixels are refused: a damaged or hostile header must not cost memory.
MAX_PIXELS = 1 << 28
