"""Decode your images for StyleGAN, and look at them: python scripts/prepare_dataset.py dataset.root=FOLDER_OR_ZIP"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.prepare_dataset import main

    main()
