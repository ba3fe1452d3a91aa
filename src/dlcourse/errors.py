"""Exceptions for mistakes of the user rather than of the program."""


class UserError(Exception):
    """A mistake that the user can correct: the message names the key or file, the value and what to do.

    Scripts show the message alone and exit with status 1; every other exception keeps its traceback.
    """


class MissingFileError(ValueError):
    """A file or folder that the user named does not exist."""


def check_at_least(least: float, **values: float) -> None:
    """Raise ValueError for the first of the values, by name, that is smaller."""
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def check_positive(**values: float) -> None:
    """Raise ValueError for the first of the values, by name, that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
