"""Comments of a PBM, PGM or PPM file, plain or binary, and the end of its image."""

from __future__ import annotations

import re
from itertools import islice

_COMMENT = re.compile(rb"#([^\r\n]*)")
# Magic, size and, except for one bit, the sample of white; between them white space and comments.
_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
_AFTER = re.compile(rb"(?:\s|#[^\r\n]*(?:[\r\n]|\Z))*")
_HEAD = re.compile(rb"P(?:[14](?:%s\d+){2}|[2356](?:%s\d+){3})" % (_SPACE, _SPACE))
# Plain files: samples; those of one bit need no white space between them.
_PLAIN, _SAMPLE, _BIT = (b"P1", b"P2", b"P3"), re.compile(rb"#[^\r\n]*|\d+"), re.compile(rb"#[^\r\n]*|\d")


def comments(data: bytes) -> list[bytes]:
    """List the comments that are not empty: in the header and, of a plain file, among the samples."""
    head = _HEAD.match(data)
    if head is None:
        return []
    end = len(data) if data[:2] in _PLAIN else head.end()
    return [found[1] for found in _COMMENT.finditer(data, 0, end) if found[1]]


def end_of(data: bytes) -> int | None:
    """Find the end of the samples; None if some are missing."""
    head = _HEAD.match(data)
    if head is None:
        return None
    width, height, *white = (int(number) for number in _COMMENT.sub(b"", head[0][2:]).split())
    channels = 3 if data[:2] in (b"P3", b"P6") else 1
    if data[:2] in _PLAIN:
        found = (_SAMPLE if white else _BIT).finditer(data, head.end())
        samples = (one for one in found if not one[0].startswith(b"#"))
        last = next(islice(samples, width * height * channels - 1, None), None)
        after = None if last is None else _AFTER.match(data, last.end())
        return None if after is None else after.end()
    stride = width * channels * (1 if white[0] < 256 else 2) if white else (width + 7) // 8
    return head.end() + 1 + stride * height
