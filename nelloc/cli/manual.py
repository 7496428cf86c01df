"""The manual page, made from the help of the commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from nelloc import __version__

_ENVIRONMENT = (
    ("NELLOC_MODELS", "The folder of your own models, instead of the usual one."),
    ("NELLOC_CPU", "The CPU level that the compiled core uses, such as plain or avx2; all give the same bytes."),
)
_SECTIONS = (
    ("ENVIRONMENT", _ENVIRONMENT),
    ("EXIT STATUS", (("0", "All done."), ("1", "A file failed."), ("2", "Wrong usage."))),
)


def manual(command: click.Command, name: str) -> str:
    """Manual page of a command and its subcommands, in the man macros of troff."""
    context = click.Context(command, info_name=name, **command.context_settings)
    lines = [f'.TH {name.upper()} 1 "" "{name} {__version__}" "User Commands"', ".SH NAME"]
    lines += [f"{name} \\- {_escaped(_first_sentence(command))}", ".SH SYNOPSIS", f".B {name}", "COMMAND [OPTIONS]"]
    lines += [".SH DESCRIPTION", *_prose(command)]
    lines += [".SH OPTIONS", *_options(command, context), ".SH COMMANDS"]
    if isinstance(command, click.Group):
        for sub in _subcommands(command, context):
            lines += [f".SS {_escaped(sub.command_path)}", ".nh", f".B {_escaped(_usage(sub))}", ".hy", ".PP"]
            lines += [*_prose(sub.command), *_options(sub.command, sub)]
    for title, entries in _SECTIONS:
        lines.append(f".SH {title}")
        for term, text in entries:
            lines += [".TP", f".B {term}", _escaped(text)]
    return "\n".join(lines) + "\n"


def _subcommands(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """Describe the commands of a group; a subcommand that is a group has a help of its own."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield click.Context(command, info_name=name, parent=context)


def _usage(context: click.Context) -> str:
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def _first_sentence(command: click.Command) -> str:
    return (command.help or "").split(";")[0].split(".")[0].strip()


def _prose(command: click.Command) -> list[str]:
    r"""Paragraphs of a command's help; those marked with \b keep their lines."""
    lines = []
    for paragraph in inspect.cleandoc(f"{command.help or ''}\n\n{command.epilog or ''}").split("\n\n"):
        kept = paragraph.startswith("\b")
        text = paragraph.lstrip("\b\n")
        if not text.strip() or text.startswith("Exit status:"):
            continue
        lines += [".PP", *([".nf"] if kept else []), *map(_escaped, text.splitlines()), *([".fi"] if kept else [])]
    return lines


def _options(command: click.Command, context: click.Context) -> list[str]:
    lines = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            names, text = record
            lines += [".TP", f".B {_escaped(names)}", _escaped(re.sub(r"\s+", " ", text))]
    return lines


def _escaped(text: str) -> str:
    """Escape backslashes, hyphens and first characters, which have a meaning in troff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
