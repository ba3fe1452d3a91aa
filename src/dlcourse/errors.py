"""Exceptions for mistakes of the user rather than of the program, their reasons, and checks of a value's range."""


class UserError(Exception):
    """A mistake that the user can correct: the message names the key or file, the value and what to do.

    Scripts show the message alone and exit with status 1; every other exception keeps its traceback.
    """


class MissingFileError(ValueError):
    """A file or folder that the user named does not exist."""


def reason_of(error: Exception) -> str:
    """What a library's exception says, in one line of at most 200 characters; its kind, if it says nothing."""
    if isinstance(error, KeyError):  # which says the key alone
        return f"it has no {str(error)[:200]}"
    return " ".join(str(error).split())[:200] or type(error).__name__


def check_at_least(least: float, **values: float) -> None:
    """Raise ValueError naming the first value that is smaller than `least`."""
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def check_positive(**values: float) -> None:
    """Raise ValueError naming the first value that is not positive."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


def check_below_1(**values: float) -> None:
    """Raise ValueError naming the first value outside [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be in [0, 1), got {value}")


def check_fraction(**values: float) -> None:
    """Raise ValueError naming the first value outside (0, 1)."""
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} must be in (0, 1), got {value}")
