"""A process beside the server that does one job after the other: training, style transfer, projection."""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from dlcourse.engine.signals import raise_on_signals, signals_blocked, unblock_signals
from dlcourse.errors import UserError

Event = dict[str, Any]
HEARTBEAT = 0.5  # seconds without an event after which `events` yields None
PATIENCE = 60.0  # seconds that a job may take to end after `stop`: the step that it is in, and a checkpoint
WAIT = 10.0  # seconds for the job before to end


class Orders:
    """In the worker: what the page wants of the job. A job calls `obey` often, and ends when that says so."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.steps: int | None = None  # that are left before the job pauses; None: no end

    def obey(self, on_wait: Callable[[], None] = lambda: None) -> tuple[bool, Event]:
        """Wait while the job is paused; return whether it shall go on, and new settings from the page, if any.

        `on_wait` is called before it waits, so that a job can show where it stands.
        """
        settings: Event = {}
        while self.connection.poll() or self.steps == 0:
            if not self.connection.poll():
                on_wait()
            order = self.connection.recv()
            if order == "stop":
                return False, settings
            if isinstance(order, dict):
                settings |= order
            else:
                self.steps = {"pause": 0, "play": None, "step": 1}[order]
        if self.steps:
            self.steps -= 1
        return True, settings


Job = Callable[..., None]  # (report: Callable[[Event], None], orders: Orders, **arguments), a function of a module


class Worker:
    """The parent's side. `start` it early: then torch is loaded when the first job comes."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # held while a job is on
        self.process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self.process is not None and self.process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        with signals_blocked():  # the process unblocks them when it can handle them
            self.process.start()
        theirs.close()

    def events(self, job: Job, **arguments: Any) -> Iterator[Event | None]:
        """Do a job, and yield what it reports; None if there is nothing new. Closing the generator stops the job.

        UserError if the job fails, or if another one is on.
        """
        if not self.lock.acquire(timeout=WAIT):  # the one before may be about to end
            raise UserError("one job at a time: stop the other one first, or wait until its step has ended")
        is_on = False
        try:
            self.start()
            self.connection.send((job, arguments))
            is_on = True
            while is_on:
                event = self.next_event()
                is_on = event is None or "ended" not in event
                if is_on:
                    yield event
                elif event and event["ended"]:
                    raise UserError(event["ended"])
        finally:
            if is_on:
                self.stop(PATIENCE)
            self.lock.release()

    def next_event(self) -> Event | None:
        """The next event, None after HEARTBEAT without one; the last one is {"ended": reason or ""}."""
        try:
            return self.connection.recv() if self.connection.poll(HEARTBEAT) else None
        except (EOFError, OSError):
            self.close()
            return {"ended": "the process of this job has ended; perhaps there was not enough memory"}

    def stop(self, patience: float) -> None:
        """Stop the job that is on, and kill its process if it has not ended after so many seconds."""
        self.order("stop")
        with suppress(EOFError, OSError):
            end = time.monotonic() + patience
            while self.connection.poll(max(0.0, end - time.monotonic())):
                if "ended" in self.connection.recv():
                    return
        self.close()

    def order(self, word: str | Event) -> None:
        """Tell the job to "pause", "play", "step" or "stop", or new settings."""
        if self.process is not None:
            with suppress(OSError):
                self.connection.send(word)

    def close(self, patience: float = 0.0) -> None:
        """End the process; with `patience` a job may end first, so that a run has its last checkpoint."""
        self.order("stop")
        if self.lock.acquire(timeout=patience):
            self.lock.release()
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def work(connection: Connection) -> None:
    """The process: do jobs until the parent ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what commands print is for a terminal
    os.dup2(1, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the server, and that this process
    raise_on_signals()
    unblock_signals()
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    import torch  # noqa: F401  # takes two seconds, which the first job need not wait for
    from tqdm import tqdm

    tqdm.set_lock(threading.RLock())  # its own one is a semaphore, which a process that is killed leaves behind

    while True:
        try:
            order = connection.recv()
        except EOFError:
            return
        if isinstance(order, tuple):  # an order of the job before may have come too late
            connection.send({"ended": do_job(connection, *order)})


def end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """Wait until the parent has ended, then end this process at once."""
    parent.join()
    os._exit(1)


def do_job(connection: Connection, job: Job, arguments: dict[str, Any]) -> str:
    """Do a job; return why it failed, or ""."""
    try:
        job(connection.send, Orders(connection), **arguments)
    except (UserError, ValueError) as error:
        return str(error)
    except (KeyboardInterrupt, SystemExit):  # it was stopped
        return ""
    except BaseException:
        return f"an error of the program: {traceback.format_exc().strip().splitlines()[-1]}"
    return ""
