"""Classify your own images or points with a trained network: python scripts/predict.py RUN PHOTO.jpg MY_IMAGES."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.predict import main

    main()
