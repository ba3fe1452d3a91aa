"""Draw images from a trained StyleGAN: python scripts/sample.py checkpoint=RUN_OR_FILE sampler=grid seeds=0-15"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.sample import main

    main()
