"""Types of arguments and options that the commands share."""

from __future__ import annotations

import math
import os
import re

import click

from nelloc.errors import NellocError

# Threads or processes; nelloc.codec.options has the limit too, and is slow to import.
WORKERS = click.IntRange(1, 1024)


class Name(click.Path):
    """Name of a file, a folder or a model.

    An empty name, which an unset variable of a shell leaves, is refused: as a path it would be the current folder.
    Files that cannot be read are errors of the command, not wrong usage.
    """

    def __init__(self, **settings):
        super().__init__(**{"readable": False} | settings)

    def convert(self, value, param, ctx):
        """Return ``value``, unless it is empty."""
        if not os.fspath(value):
            self.fail("the name is empty; give one", param, ctx)
        return super().convert(value, param, ctx)


class OutputFile(Name):
    """Name of a file to write; names that only a folder can have, such as those that end in a slash, are refused."""

    def convert(self, value, param, ctx):
        """Return ``value``, unless it can only be the name of a folder."""
        if isinstance(value, str):
            from nelloc import disk

            try:
                disk.file_path(value)
            except NellocError as error:
                self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Callback of options that are numbers; refuses nan, which no range excludes, and infinity."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number; give one", context, parameter)
    return value


_MOST_DIGITS = 5


class Size(click.ParamType):
    """Size of an image, written WIDTHxHEIGHT, as a pair of numbers."""

    name = "WIDTHxHEIGHT"

    def convert(self, value, param, ctx):
        """Return the width and the height."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9][0-9]*)x([1-9][0-9]*)", value)
        if match is None:
            self.fail(f"{value!r} is not a size; write it as WIDTHxHEIGHT, such as 32x32", param, ctx)
        if max(len(match[1]), len(match[2])) > _MOST_DIGITS:
            self.fail(f"{value!r} is too large; choose sides of at most {_MOST_DIGITS} digits", param, ctx)
        return int(match[1]), int(match[2])
