"""Train a classifier, transfer a style, or train StyleGAN: dlcourse train experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.train", __name__)
