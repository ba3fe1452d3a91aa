"""What a trained classifier is worth and what ails it: python scripts/report.py RUN [--bayes-error 0.15]."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.report import main

    main()
