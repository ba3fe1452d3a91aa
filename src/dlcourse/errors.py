"""Exceptions for mistakes of the user rather than of the program."""


class UserError(Exception):
    """A mistake that the user can correct: the message names the key or file, the value and what to do.

    Scripts show the message alone and exit with status 1; every other exception keeps its traceback.
    """


class MissingFileError(ValueError):
    """A file or folder that the user named does not exist."""
