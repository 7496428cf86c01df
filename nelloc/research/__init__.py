"""Reproductions of the thesis's other experiments, each run as a command and written to files."""
