"""Notation of the head of docs/FORMAT.md, and refusals."""

from __future__ import annotations


def require(condition: bool, message: str) -> None:
    """Refuse the file unless the condition holds."""
    if not condition:
        raise ValueError(message)


def clamp(x: int, lo: int, hi: int) -> int:
    """x limited to lo..hi."""
    return min(max(x, lo), hi)


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("a malformed number")
