"""A StyleGAN v1 of any implementation as a checkpoint of ours: dlcourse import_checkpoint SOURCE... TARGET."""

from dlcourse.cli.start import run

run("dlcourse.cli.import_checkpoint", __name__)
