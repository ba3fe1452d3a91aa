"""A run's images in motion: python scripts/animate.py RUN [NAME] [--output PATH.gif|.webp|.mp4] [--seconds 5]"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.animate import main

    main()
