"""Help with the options in groups: --help shows the usual ones, --help-all the rare ones too."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import click

_EVERYTHING = f"{__name__}.everything"


class GroupedCommand(click.Command):
    """Command whose options are shown in groups.

    Parameters
    ----------
    groups
        The names of the parameters in each group, by its title. Every option is in one of them.
    rare
        Those that only --help-all shows.
    details
        Text that --help-all shows below the options.
    """

    def __init__(
        self,
        *arguments: Any,
        groups: Mapping[str, Sequence[str]],
        rare: Collection[str],
        details: str | None = None,
        **settings: Any,
    ):
        super().__init__(*arguments, **settings)
        self.groups = groups
        self.rare = rare
        self.details = details
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_everything,
                help="Show the rare options too, and exit.",
            )
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each group under its title."""
        parameters: dict[str | None, click.Parameter | None] = {one.name: one for one in self.params}
        parameters["help"] = self.get_help_option(ctx)  # whose own name depends on click's version
        everything = ctx.meta.get(_EVERYTHING, False)
        for title, names in self.groups.items():
            shown = [parameters[name] for name in names if everything or name not in self.rare]
            records = [record for one in shown if one is not None and (record := one.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the details, if everything is shown."""
        if self.details is not None and ctx.meta.get(_EVERYTHING, False):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(self.details)


def _show_everything(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        context.meta[_EVERYTHING] = True
        click.echo(context.get_help(), color=context.color)
        context.exit()
