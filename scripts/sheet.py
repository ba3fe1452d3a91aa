"""The final images of several runs in one: dlcourse sheet RUNS... [--rows KEY] [--columns KEY] [--inputs]"""

from dlcourse.cli.start import run

run("dlcourse.cli.sheet", __name__)
