"""Compare runs: dlcourse compare RUNS... [--metrics dev/loss ...] [--output FOLDER]."""

from dlcourse.cli.start import run

run("dlcourse.cli.compare", __name__)
