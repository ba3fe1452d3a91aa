"""Draw images from a trained StyleGAN: python scripts/sample.py checkpoint=RUN_OR_FILE sampler=grid seeds=0-15"""

from dlcourse.cli.start import run

run("dlcourse.cli.sample", __name__)
