"""Which learning rate? python scripts/find_lr.py experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.find_lr", __name__)
