"""Are a classifier's gradients right? dlcourse check_gradients experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.check_gradients", __name__)
