"""Run as `python -m nelloc.cli`."""

from nelloc.cli.main import main

main(prog_name="nelloc")
