"""Are a classifier's gradients right? python scripts/check_gradients.py experiment=NAME key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.check_gradients", __name__)
