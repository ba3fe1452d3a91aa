"""A small checkpoint to hand on: python scripts/bundle_checkpoint.py RUN_OR_FILE TARGET [--keep model]."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.bundle_checkpoint import main

    main()
