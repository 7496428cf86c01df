"""The `nelloc` command."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

from nelloc import __version__
from nelloc.cli.common import Commands

_NAMES = (
    "compress",
    "decompress",
    "info",
    "verify",
    "thumbnail",
    "models",
    "train",
    "export",
    "ood-score",
    "sample",
    "research",
    "bench",
    "desktop",
)


class Modules(MutableMapping[str, click.Command]):
    """The commands by their names, each imported from the module of its name when it is asked for."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._found: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        """Import the command, if it was not. Raises KeyError if there is none of this name."""
        command = self._found[name]
        if command is None:
            module = name.replace("-", "_")
            command = self._found[name] = getattr(import_module(f"nelloc.cli.{module}"), module)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        """Set a command that is there already."""
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        """Remove a command."""
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names; nothing is imported."""
        return iter(self._found)

    def __len__(self) -> int:
        """Count the commands."""
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        """Look a name up; nothing is imported."""
        return name in self._found


@click.group(
    cls=Commands,
    commands=Modules(_NAMES),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 all done, 1 a file failed, 2 wrong usage.",
)
@click.version_option(__version__, prog_name="nelloc")
def main() -> None:
    """Lossless image compression with small neural networks; the same bits on every machine."""


if __name__ == "__main__":
    main()
