"""Stacks of images in TIFF files with one directory, after whose samples those of the other images follow.

ImageJ saves stacks above 4 GB so, MetaMorph all of its own (STK), and tifffile those with ``truncate``. A description,
or a tag of MetaMorph's, has the number of images.
"""

from __future__ import annotations

import json
import math
import re

from nelloc.image.formats.tiff.structure import Directory, Head

_DESCRIPTION, _STRIPS, _METAMORPH = 270, 273, 33629
# Limit for forged files.
_LONGEST = 1024
_IMAGEJ = re.compile(rb"ImageJ=[^\n]*\n(?:.*\n)*?images=(\d{1,9})\s")


def images(data: bytes, head: Head, first: Directory, samples: int, bits: int) -> int:
    """Number of images that a file without compression announces, if its bytes suffice for them; or 1.

    Each has a number of ``samples``, of ``bits``.
    """
    entry = first.entries.get(_DESCRIPTION)
    counts = [1] if entry is None else [1, _of_imagej(entry.data), _of_tifffile(entry.data) // samples]
    if _METAMORPH in first.entries:
        counts.append(first.entries[_METAMORPH].count)
    count, places = max(counts), first.entries.get(_STRIPS)
    start = 0 if places is None else min(places.numbers(head.order), default=0)
    return count if start > 0 and start + count * (samples * bits // 8) <= len(data) else 1


def _of_imagej(description: bytes) -> int:
    found = _IMAGEJ.match(description + b"\n")
    return 1 if found is None else int(found[1])


def _of_tifffile(description: bytes) -> int:
    """Number of samples of all images."""
    try:
        about = json.loads(description[:_LONGEST].rstrip(b"\0"))
        return math.prod(map(int, about["shape"])) if about.get("truncated") else 0
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return 0
