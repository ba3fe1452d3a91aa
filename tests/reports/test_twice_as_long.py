"""How a run that is complete trains further."""

import math

import pytest

from dlcourse.reports.runs import twice_as_long


@pytest.mark.parametrize(
    ("max_steps", "images", "seen", "override"),
    [
        (40, None, None, "runner.max_steps=80"),
        (40, 640, 640, "runner.max_steps=80"),  # it decides
        (None, 640, 640, "task.total_images=1280"),
        (None, 100, 1024, "task.total_images=2048"),  # it has seen more than were asked for
        (None, 640, None, "task.total_images=1280"),  # no row is readable
        (None, "640", None, "runner.max_steps=80"),  # a stranger's config
        (None, 640, math.nan, "task.total_images=1280"),
        (None, 640, 1e300, "task.total_images=1280"),
        (None, 640, "many", "task.total_images=1280"),
    ],
)
def test_the_key_that_decides_is_doubled(max_steps, images, seen, override):
    config = {"runner": {"max_steps": max_steps}, "task": {"total_images": images}}
    rows = [] if seen is None else [{"step": 20, "progress/images": 16}, {"step": 40, "progress/images": seen}]
    assert twice_as_long(config, 40, rows) == override


@pytest.mark.parametrize("config", [{}, {"task": None, "runner": 3}])
def test_a_config_without_a_task_has_steps(config):
    assert twice_as_long(config, 40, []) == "runner.max_steps=80"
