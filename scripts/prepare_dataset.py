"""Decode your images for StyleGAN, and look at them: dlcourse prepare_dataset dataset.root=FOLDER_OR_ZIP"""

from dlcourse.cli.start import run

run("dlcourse.cli.prepare_dataset", __name__)
