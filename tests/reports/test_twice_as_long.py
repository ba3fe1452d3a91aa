"""How a run that is complete trains further."""

import pytest

from dlcourse.reports.runs import twice_as_long


@pytest.mark.parametrize(
    ("max_steps", "images", "step", "total", "override"),
    [
        (40, None, 40, 40, "runner.max_steps=80"),
        (40, 640, 40, 40, "runner.max_steps=80"),  # it decides
        (None, 640, 40, 40, "task.total_images=1280"),
        (None, 320, 30, 20, "task.total_images=960"),  # 30 steps of 16 images are more than were asked for
    ],
)
def test_the_key_that_decides_is_doubled(max_steps, images, step, total, override):
    config = {"runner": {"max_steps": max_steps}, "task": {"total_images": images}}
    assert twice_as_long(config, step, total) == override
