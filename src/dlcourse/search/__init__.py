"""Hyper-parameter search: a study of trials, by one or several processes."""

from dlcourse.errors import UserError

try:
    import optuna
except ImportError as error:
    raise UserError("a search needs Optuna: pip install 'dlcourse[search]'") from error

optuna.logging.set_verbosity(optuna.logging.ERROR)
