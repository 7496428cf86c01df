"""Run as `python -m nelloc`."""

from nelloc.cli.main import main

main(prog_name="nelloc")
