"""Compare runs: python scripts/compare.py RUNS... [--metrics dev/loss ...] [--output FOLDER]."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.compare import main

    main()
