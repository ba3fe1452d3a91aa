"""Train a classifier, transfer a style, or train StyleGAN: python scripts/train.py experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.train", __name__)
