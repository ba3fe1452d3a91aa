"""A run's images in motion: dlcourse animate RUN [NAME] [--output PATH.gif|.webp|.mp4] [--seconds 5]"""

from dlcourse.cli.start import run

run("dlcourse.cli.animate", __name__)
