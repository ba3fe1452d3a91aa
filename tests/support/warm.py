"""A process that has imported torch and forks for every command: what a command does, without its start.

Run by itself it is that process: it reads requests from its standard input, one JSON object a line, and answers with
a number each. It never computes a gradient, since torch's autograd does not survive a fork.
"""

import atexit
import dataclasses
import functools
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # for one command


class Warm:
    """Runs Python programs, on Linux without their start: forks of a process that has loaded what they need.

    With `project` false it has loaded the libraries alone, for programs of a changed copy of the project.
    """

    def __init__(self, project: bool = True) -> None:
        if sys.platform == "linux":  # elsewhere a fork may lack what it needs
            command = [sys.executable, str(Path(__file__).resolve()), *["--project"] * project]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            atexit.register(self.close)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def run(self, words: list[str], cwd: Path) -> subprocess.CompletedProcess:
        """As subprocess.run of `python words[0] ...`; a status below 0 is a signal's."""
        return self.start(words, cwd).wait()

    def start(self, words: list[str], cwd: Path, **environment: str) -> "Started":
        """As subprocess.Popen of `python words[0] ...`, with more variables in its environment."""
        folder, variables = Path(tempfile.mkdtemp()), os.environ | environment
        files = {name: str(folder / name) for name in ("stdout", "stderr")}
        if sys.platform != "linux":
            command = [sys.executable, str(ROOT / words[0]), *words[1:]]
            with Path(files["stdout"]).open("w") as out, Path(files["stderr"]).open("w") as errors:
                child = subprocess.Popen(command, cwd=cwd, env=variables, stdout=out, stderr=errors)
            return Started(words, folder, child.pid, lambda: child.wait(timeout=SECONDS))
        pid = self.ask({"words": words, "cwd": str(cwd), "environment": variables, **files})
        return Started(words, folder, pid, lambda: self.ask({"pid": pid}))

    def ask(self, request: dict) -> int:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that forks has ended, status {self.process.wait()}, at {request}")
        return int(answer)


@dataclasses.dataclass
class Started:
    """A program that runs."""

    words: list[str]
    folder: Path  # of what it prints
    pid: int
    status: Callable[[], int]

    def wait(self) -> subprocess.CompletedProcess:
        """Its status, and what it has printed, when it has ended."""
        status = self.status()
        texts = {name: (self.folder / name).read_text() for name in ("stdout", "stderr")}
        shutil.rmtree(self.folder)
        return subprocess.CompletedProcess(self.words, status, **texts)


@functools.cache
def warm(project: bool = True) -> Warm:
    """The one of this process, which is started when it is first asked for."""
    return Warm(project)


def serve() -> None:
    """Answer requests until there are no more: with the number of a child that begins, or its status when it ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "pid" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["pid"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                become(request)
        print(answer, flush=True)


def become(request: dict) -> None:
    """Be the program that is asked for, and end as it does."""
    signal.alarm(SECONDS)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        handle = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    program = ROOT / request["words"][0]
    sys.argv = [str(program), *request["words"][1:]]
    sys.path[:1] = [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), str(program.parent)]
    status = 0
    try:
        runpy.run_path(str(program), run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        atexit._run_exitfuncs()  # such as the end of joblib's processes
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def load_project() -> None:
    """Import what commands import, and draw the images that come with the project."""
    from dlcourse.classifier import task  # noqa: F401
    from dlcourse.cli import run_folders, start  # noqa: F401
    from dlcourse.engine import runner  # noqa: F401
    from dlcourse.search import worker  # noqa: F401
    from dlcourse.style_transfer.demo_images import IMAGES
    from dlcourse.stylegan import projection  # noqa: F401
    from dlcourse.stylegan.metrics import evaluation  # noqa: F401

    for draw in IMAGES.values():
        draw()


if __name__ == "__main__":
    import torch._dynamo  # what optimizers load
    import torch.utils.tensorboard  # noqa: F401

    if "--project" in sys.argv:
        load_project()
    serve()
