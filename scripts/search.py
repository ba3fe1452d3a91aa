"""Search for hyper-parameters: dlcourse search KEY=SPACE ... search.trials=N key=value ..."""

from dlcourse.cli.start import run

run("dlcourse.cli.search", __name__)
