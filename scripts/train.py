"""Train a classifier, transfer a style, or train StyleGAN: python scripts/train.py experiment=NAME key=value ..."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.train import main

    main()
