"""Draw images from a trained StyleGAN: dlcourse sample checkpoint=RUN_OR_FILE sampler=grid seeds=0-15"""

from dlcourse.cli.start import run

run("dlcourse.cli.sample", __name__)
