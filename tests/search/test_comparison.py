"""Ways to search for a learning rate and a momentum, compared on the same budget of 25 trials."""

import pytest
import torch
from test_study import LENGTHS, SETTINGS

from conftest import compose
from dlcourse.cli.search import space_of, split_command_line
from dlcourse.engine.build import build
from dlcourse.search.results import ranked
from dlcourse.search.study import Search, open_study
from dlcourse.search.worker import Worker

WORDS = {
    "log": ["optimizer.lr=tag(log,interval(1e-4,1))", "optimizer.momentum=tag(one_minus_log,interval(0,0.999))"],
    "linear grid": ["optimizer.lr=1e-4,0.25,0.5,0.75,1", "optimizer.momentum=0,0.25,0.5,0.75,0.999"],
}


def best_of_search(seed, scales, **changes):
    config = compose("experiment=lr_search", f"seed={seed}")

    def train(number, values, observe):
        values = {name.removeprefix("optimizer."): float(value) for name, value in values.items()}
        torch.manual_seed(seed)
        task = build(config["task"] | {"optimizer": config["task"]["optimizer"] | values}, "task")
        task.setup(torch.device("cpu"))
        for _ in range(config["runner"]["max_steps"]):
            task.step()
        observe(LENGTHS.max_steps, {"dev/loss": task.evaluate()["dev/loss"]})

    search = Search(**SETTINGS | {"trials": 25, "max_failures": 25, "seed": seed} | changes)
    space = space_of(split_command_line(WORDS[scales])[0])
    study = open_study(search, "rings", space, [], LENGTHS)
    Worker(study, search, space, train, LENGTHS).run()
    return ranked(study)[0].value


@pytest.mark.slow
def test_coarse_to_fine_is_no_worse_than_random_and_both_beat_the_linear_grid():
    fine, random, grid = (
        sum(best_of_search(seed, scales, **changes) for seed in range(20)) / 20
        for scales, changes in (
            ("log", {"sampler": "random", "refine_after": 15, "refine_best": 1, "refine_zoom": 0.3}),
            ("log", {"sampler": "random"}),
            ("linear grid", {"sampler": "grid"}),
        )
    )
    print(f"\nbest dev loss: coarse to fine {fine:.3f}, random {random:.3f}, grid {grid:.3f}")
    assert fine <= random < grid, (fine, random, grid)
