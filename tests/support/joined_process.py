"""What `dlcourse train` does, in one of several processes: joined_process.py FOLDER OVERRIDE...

Every process leaves its own gradients of the first step and its last state in FOLDER.
"""

import sys
from pathlib import Path

import torch

from dlcourse.cli.command_line import plain
from dlcourse.cli.compose import compose_config
from dlcourse.engine import distributed
from dlcourse.engine.build import build
from dlcourse.engine.optimization import Descent

with distributed.process_group("cpu"):
    config = plain(compose_config("train", sys.argv[2:]))
    torch.manual_seed(0)
    runner, task = build(config["runner"], "runner"), build(config["task"], "task")
    folder = Path(sys.argv[1])
    runner.prepare(task)
    runner.restore(task, folder / "run", config)
    runner.step(task, 0)
    descents = {name: part for name, part in vars(task).items() if isinstance(part, Descent)}
    gradients = {name: [parameter.grad for parameter in part.parameters] for name, part in descents.items()}
    runner.train(task, folder / "run", config, 1)
    state = {name: part.state_dict() for name, part in task.state().items()}
    torch.save({"gradients": gradients, "state": state}, folder / f"rank{distributed.rank()}.pt")
