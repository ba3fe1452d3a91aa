"""A small checkpoint to hand on: python scripts/bundle_checkpoint.py RUN_OR_FILE TARGET [--keep model]."""

from dlcourse.cli.start import run

run("dlcourse.cli.bundle_checkpoint", __name__)
