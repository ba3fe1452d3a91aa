"""Measure a StyleGAN: dlcourse evaluate checkpoint=RUN_OR_FILE metrics=[fd,kid,ppl]"""

from dlcourse.cli.start import run

run("dlcourse.cli.evaluate", __name__)
