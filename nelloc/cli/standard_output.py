"""Standard output, to which all is written or an error raised."""

from __future__ import annotations

import io
import os
import sys

import click

from nelloc.streams import write_whole


def write(output: str | bytes) -> None:
    """Write text, or bytes as they are, to standard output. Raises OSError if it cannot be written whole."""
    output = _encodable(output) if isinstance(output, str) else output
    raw = getattr(sys.stdout, "buffer", None)
    if not isinstance(raw, io.RawIOBase):
        click.echo(output, nl=False)
        return
    if isinstance(output, str):
        output = output.replace("\n", os.linesep).encode(sys.stdout.encoding, sys.stdout.errors or "strict")
    write_whole(raw, output)


def _encodable(text: str) -> str | bytes:
    """Encode text that standard output cannot take.

    Names of files that are not text become their bytes; other characters that its encoding lacks get backslashes.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding, getattr(sys.stdout, "errors", None) or "strict")
    except UnicodeEncodeError:
        try:
            return text.encode(encoding, "surrogateescape")
        except UnicodeEncodeError:
            return text.encode(encoding, "backslashreplace")
    return text
