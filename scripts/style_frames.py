"""A video in one style.

dlcourse style_frames experiment=style_transfer_offline frames=A.mp4 output=C.mp4 style=B.jpg
"""

from dlcourse.cli.start import run

run("dlcourse.cli.style_frames", __name__)
