"""Which learning rate? dlcourse find_lr experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.find_lr", __name__)
