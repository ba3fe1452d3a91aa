"""Train on a cluster with SLURM.

When the job is preempted or out of time, it finishes the step, writes a checkpoint, and is queued again to go on there.
"""

import argparse
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dlcourse.cli import command_line, path_overrides
from dlcourse.cli.run_names import TIME
from dlcourse.engine import run_lock
from dlcourse.engine.run_folder import has_begun
from dlcourse.errors import UserError
from dlcourse.files.terminal import say

# -P: Python code in the current folder is not imported
TRAIN = [sys.executable, "-P", "-m", "dlcourse.cli.main", "train"]


@dataclass
class Job:
    """Runs dlcourse train in a run folder, or resumes the run there."""

    run_dir: Path
    overrides: list[str]

    def __call__(self) -> None:
        """Train in a child process, which ends after a step when it gets a signal."""
        words = [f"resume={self.run_dir}"] if has_begun(self.run_dir) else [f"run_dir={self.run_dir}", *self.overrides]
        self.process = subprocess.Popen([*TRAIN, *words])
        status = self.process.wait()
        if status:
            raise RuntimeError(f"dlcourse train ended with status {status}; its own words are above")

    def checkpoint(self) -> Any:
        """submitit calls this when the job is preempted or out of time: end the training, and requeue the job."""
        import submitit

        self.process.send_signal(signal.SIGTERM)
        os.waitpid(self.process.pid, 0)  # process.wait() is interrupted by this handler and holds its lock
        return submitit.helpers.DelayedSubmission(Job(self.run_dir, self.overrides))


def submit(arguments: argparse.Namespace) -> None:
    """Submit the job to the cluster, or start it on this machine with --cluster local."""
    try:
        import submitit
    except ImportError:
        raise UserError("submitit is missing: pip install 'dlcourse[slurm]'") from None
    for word in arguments.overrides:
        if "=" not in word or word.startswith(("run_dir=", "resume=", "-")):
            raise UserError(f"{word}: give key=value as for dlcourse train; the folder is --run-dir")
    taken = [path_overrides.take_path(word, is_sweep=False) for word in arguments.overrides]  # `latest` is that of now
    run_dir = (arguments.run_dir or run_lock.claim(Path("runs", "submitted", f"{datetime.now():{TIME}}"))).resolve()
    overrides = [*taken, f"devices={max(1, arguments.gpus)}"]
    executor = submitit.AutoExecutor(run_dir.parent / f"{run_dir.name}.jobs", cluster=arguments.cluster)
    executor.update_parameters(
        name="dlcourse",
        timeout_min=round(60 * arguments.hours),
        cpus_per_task=arguments.cpus,
        gpus_per_node=arguments.gpus,
        slurm_partition=arguments.partition,
        slurm_signal_delay_s=120,
    )
    job = executor.submit(Job(run_dir, overrides))
    say(f"job {job.job_id}: {run_dir}; its words: {job.paths.stdout}")


def main() -> None:
    """Read the command line and submit the job."""
    parser = command_line.Parser(
        description=__doc__, example="--partition gpu --gpus 2 experiment=stylegan_paper dataset.root=IMAGES"
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for dlcourse train")
    parser.add_argument(
        "--cluster",
        choices=["slurm", "local"],
        default="slurm",
        help="slurm, or local: on this machine, for a try (default: %(default)s)",
    )
    parser.add_argument("--partition", metavar="NAME", help="of SLURM (default: the cluster's own)")
    parser.add_argument(
        "--gpus",
        type=int,
        default=0,
        metavar="N",
        help="GPUs of one machine; each has a process (default: %(default)s)",
    )
    parser.add_argument("--cpus", type=int, default=4, metavar="N", help="CPU cores (default: %(default)s)")
    parser.add_argument(
        "--hours",
        type=float,
        default=24.0,
        metavar="N",
        help="hours until SLURM ends the job, which then goes on (default: %(default)g)",
    )
    parser.add_argument(
        "--run-dir",
        type=Path,
        metavar="FOLDER",
        help="the run's folder; one that has begun goes on (default: runs/submitted/<time>)",
    )
    command_line.run(submit, parser.parse_args())
