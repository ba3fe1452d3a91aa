"""Jobs for a worker's process in tests."""

import os
import time

from dlcourse.errors import UserError


def count_to(report, orders, number):
    """Report 1, 2, ..., as long as the orders let it."""
    for step in range(1, number + 1):
        goes_on, settings = orders.obey()
        if not goes_on:
            report({"stopped": step})
            return
        report({"step": step} | settings)
        time.sleep(0.01)


def fail(report, orders):
    raise UserError("content=x.png: no such file")


def break_down(report, orders):
    raise RuntimeError("oh")


def die(report, orders):
    os._exit(3)


def ignore_orders(report, orders):
    report({"pid": os.getpid()})
    time.sleep(600)


def tell_pid(report, orders):
    report({"pid": os.getpid()})
