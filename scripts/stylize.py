"""An image in the style of another in seconds: dlcourse stylize CONTENT STYLE [OUTPUT] [key=value ...]."""

from dlcourse.cli.start import run

run("dlcourse.cli.stylize", __name__)
