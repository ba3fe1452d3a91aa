"""Studies of hyper-parameters, by one or several processes."""

from dlcourse.study.opening import open_study
from dlcourse.study.settings import Lengths, Search
from dlcourse.study.worker import Worker

__all__ = ["Lengths", "Search", "Worker", "open_study"]
