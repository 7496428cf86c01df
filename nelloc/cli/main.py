"""The `nelloc` command."""

from __future__ import annotations

import click

from nelloc import __version__
from nelloc.cli.bench import bench
from nelloc.cli.common import Commands
from nelloc.cli.compress import compress
from nelloc.cli.decompress import decompress
from nelloc.cli.desktop import desktop
from nelloc.cli.export import export
from nelloc.cli.info import info
from nelloc.cli.models import models
from nelloc.cli.ood_score import ood_score
from nelloc.cli.research import research
from nelloc.cli.sample import sample
from nelloc.cli.thumbnail import thumbnail
from nelloc.cli.train import train
from nelloc.cli.verify import verify


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 all done, 1 a file failed, 2 wrong usage.",
)
@click.version_option(__version__, prog_name="nelloc")
def main() -> None:
    """Lossless image compression with small neural networks; the same bits on every machine."""


for command in (
    compress,
    decompress,
    info,
    verify,
    thumbnail,
    models,
    train,
    export,
    ood_score,
    sample,
    research,
    bench,
    desktop,
):
    main.add_command(command)

if __name__ == "__main__":
    main()
