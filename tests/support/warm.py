"""A process that has imported torch and forks for every command: what a command does, without its start.

Run by itself it is that process: it reads requests from its standard input, one JSON object a line, and answers with
the statuses. It never computes a gradient, since torch's autograd does not survive a fork.
"""

import atexit
import functools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # for one command


class Warm:
    """Runs the programs of scripts and benchmarks, one at a time; on Linux without their start."""

    def __init__(self) -> None:
        if sys.platform == "linux":  # elsewhere a fork may lack what it needs
            command = [sys.executable, str(Path(__file__).resolve())]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            atexit.register(self.close)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def run(self, words: list[str], cwd: Path) -> subprocess.CompletedProcess:
        """As subprocess.run of `python words[0] ...`; a status below 0 is a signal's."""
        if sys.platform != "linux":
            command = [sys.executable, str(ROOT / words[0]), *words[1:]]
            return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS)
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder, name) for name in ("stdout", "stderr")}
            request = {"words": words, "cwd": str(cwd), "environment": dict(os.environ)}
            self.process.stdin.write(json.dumps(request | {name: str(path) for name, path in files.items()}) + "\n")
            self.process.stdin.flush()
            status = self.process.stdout.readline()
            if not status:
                raise RuntimeError(f"the process that forks has ended, status {self.process.wait()}, at {words}")
            texts = {name: path.read_text() for name, path in files.items()}
        return subprocess.CompletedProcess(words, int(status), **texts)


@functools.cache
def warm() -> Warm:
    """The one of this process, which is started when it is first asked for."""
    return Warm()


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


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
    sys.path[0] = str(program.parent)
    status = 0
    try:
        if program.parent.name == "scripts":
            start.begin()
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


if __name__ == "__main__":
    import matplotlib.backends.backend_agg  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import torch._dynamo  # what optimizers load
    import torch.utils.tensorboard  # noqa: F401

    from dlcourse.classifier import task  # noqa: F401
    from dlcourse.cli import run_folders, start  # noqa: F401
    from dlcourse.engine import runner  # noqa: F401
    from dlcourse.search import worker  # noqa: F401
    from dlcourse.style_transfer.demo_images import IMAGES
    from dlcourse.stylegan.metrics import evaluation  # noqa: F401
    from dlcourse.stylegan.sampling import projection  # noqa: F401

    for draw in IMAGES.values():
        draw()
    serve()
