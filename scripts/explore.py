"""A page in the browser: StyleGAN, style transfer, a playground. dlcourse explore [RUN_OR_FILE] [port=8000]"""

from dlcourse.cli.start import run

run("dlcourse.cli.explore", __name__)
