"""A weaker style transfer without painting again: dlcourse blend RUN luminance=0.7 color=0 output=C.jpg."""

from dlcourse.cli.start import run

run("dlcourse.cli.blend", __name__)
