"""Draw what the course explains, each idea in one image: dlcourse demonstrate [NAME ...]."""

from dlcourse.cli.start import run

run("dlcourse.cli.demonstrate", __name__)
