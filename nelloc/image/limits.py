"""Limits of images."""

# Refuse what announces more pixels than this: a damaged or hostile header must not cost memory.
MAX_PIXELS = 1 << 28
