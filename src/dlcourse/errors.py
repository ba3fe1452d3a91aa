"""Exceptions that stand for a mistake of the user rather than of the program."""


class UserError(Exception):
    """A mistake that the user can mend: its message names the key or file, the value and the cure.

    Scripts show the message alone and exit with status 1; every other exception keeps its traceback.
    """


class MissingFileError(ValueError):
    """A file or folder that a user named and that is not there."""
