"""A StyleGAN v1 of any implementation as a checkpoint of ours: python scripts/import_checkpoint.py SOURCE... TARGET."""

from dlcourse.cli.start import run

run("dlcourse.cli.import_checkpoint", __name__)
