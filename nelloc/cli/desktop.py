"""`nelloc desktop`: what shells and desktops need to know nelloc and its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from click.shell_completion import ShellComplete, get_completion_class

from nelloc.cli.common import one_line, options, put, reporting, say
from nelloc.cli.manual import manual
from nelloc.cli.parameters import Name

_EPILOG = "Exit status: 0 done, 1 a file could not be written or removed, 2 wrong usage."
_COMPLETIONS = {
    "bash": "bash-completion/completions/nelloc",
    "zsh": "zsh/site-functions/_nelloc",
    "fish": "fish/vendor_completions.d/nelloc.fish",
}
_MANUAL = "man/man1/nelloc.1"


@click.group(short_help="Install thumbnails, file type, completions and manual.", epilog=_EPILOG)
def desktop() -> None:
    """Install the files by which shells and desktops know nelloc.

    These are a thumbnailer, the file type, a desktop entry that converts to PNG, completions for bash, zsh and fish,
    and a manual page.
    """


def _place(function: Callable) -> Callable:
    """Decorator that adds the options of the place."""
    function = click.option(
        "--prefix",
        metavar="FOLDER",
        type=Name(),
        help="For all users, in FOLDER/share, such as /usr/local/share.",
    )(function)
    return click.option("--user", is_flag=True, help="For this user, in ~/.local/share.")(function)


@desktop.command("install", short_help="Write the files.", epilog=_EPILOG)
@_place
@options("quiet")
@click.pass_context
def install(context, user, prefix, quiet):
    """Write the files, in place of those of an earlier installation, and print their names."""
    from nelloc.plugins import freedesktop

    folder = _folder(user, prefix)
    with reporting():
        contents = freedesktop.own_files() | command_files(context.find_root().command)
        _tell(*freedesktop.install(folder, contents), quiet)
    if user and not quiet:
        say(f"zsh finds its completions with this line in ~/.zshrc: fpath+=({folder / 'zsh' / 'site-functions'})")


@desktop.command("remove", short_help="Remove them again.", epilog=_EPILOG)
@_place
@options("quiet")
@click.pass_context
def remove(context, user, prefix, quiet):
    """Remove the files that `nelloc desktop install` wrote, and print their names."""
    from nelloc.plugins import freedesktop

    folder = _folder(user, prefix)
    with reporting():
        contents = freedesktop.own_files() | command_files(context.find_root().command)
        _tell(*freedesktop.remove(folder, contents), quiet)


def _folder(user: bool, prefix: str | None) -> Path:
    if user == (prefix is not None):
        raise click.UsageError("give one of --user and --prefix FOLDER")
    if prefix is not None:
        return Path(prefix).absolute() / "share"
    from nelloc.plugins.freedesktop import user_folder

    return user_folder()


def _tell(paths: list[Path], remarks: list[str], quiet: bool) -> None:
    if quiet:
        return
    for path in paths:
        put(one_line(str(path)))
    for remark in remarks:
        say(f"nelloc: {remark}")


def command_files(command: click.Command) -> dict[str, bytes]:
    """Completions and the manual page, made from the commands themselves, by their place below a data folder."""
    found = {_MANUAL: manual(command, "nelloc").encode()}
    for shell, place in _COMPLETIONS.items():
        kind = get_completion_class(shell)
        assert kind is not None
        # The method of BashComplete itself runs bash to know its version.
        found[place] = ShellComplete.source(kind(command, {}, "nelloc", "_NELLOC_COMPLETE")).encode()
    return found
