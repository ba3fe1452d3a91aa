"""A video in one style.

python scripts/style_frames.py experiment=style_transfer_offline frames=F output=G style=B.jpg
"""

from dlcourse.cli.start import run

run("dlcourse.cli.style_frames", __name__)
