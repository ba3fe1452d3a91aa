"""A small checkpoint to hand on: dlcourse bundle_checkpoint RUN_OR_FILE TARGET [--keep model]."""

from dlcourse.cli.start import run

run("dlcourse.cli.bundle_checkpoint", __name__)
