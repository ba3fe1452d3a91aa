"""The final images of several runs in one: python scripts/sheet.py RUNS... [--rows KEY] [--columns KEY] [--inputs]"""

from dlcourse.cli.start import run

run("dlcourse.cli.sheet", __name__)
