"""Classify your own images or points with a trained network: dlcourse predict RUN PHOTO.jpg."""

from dlcourse.cli.start import run

run("dlcourse.cli.predict", __name__)
