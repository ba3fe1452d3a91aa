"""A StyleGAN v1 of any implementation as a checkpoint of ours: python scripts/import_checkpoint.py SOURCE... TARGET."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.import_checkpoint import main

    main()
