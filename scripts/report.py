"""What a trained classifier is worth and what ails it: dlcourse report RUN [--bayes-error 0.15]."""

from dlcourse.cli.start import run

run("dlcourse.cli.report", __name__)
