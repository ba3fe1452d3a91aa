"""Images of style transfer that nothing is to be learnt from, or hardly anything: one colour, one row of pixels."""

import copy
import math

import pytest
import torch
from PIL import Image
from test_style_transfer import make_config, make_task, run

from conftest import assert_same
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.nn import vgg
from dlcourse.style_transfer.losses import moments, relative_squared_error, total_variation, wasserstein2

SIZES = ["dataset.content_size=40", "dataset.style_size=40", "task.smallest_size=32", "task.steps_per_scale=1"]
WASSERSTEIN = ["objective=wasserstein", "objective.style_layers=[relu1_1,relu2_1]", "objective.calibrate=true"]
WASSERSTEIN += ["objective.content_layers=[relu2_2]", "objective.style_layer_weights=null", "model.pooling_gain=2"]
SWITCHES = {"adam": ["optimizer=adam", "optimizer.lr=0.02"], "lbfgs": ["optimizer=lbfgs", "optimizer.lr=1"]}


@pytest.fixture
def image(tmp_path):
    """Writes an image, and returns its path."""

    def write(name, size, color, mode="RGB"):
        Image.new(mode, size, color).save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.long
@pytest.mark.parametrize(
    ("role", "kind", "recipe"),
    [
        ("style", "white", "relative"),
        ("style", "one pixel", "relative"),
        ("style", "clear", "relative"),
        ("content", "black", "relative"),
        ("style", "white", "wasserstein"),
        ("style", "one pixel", "wasserstein"),
        ("content", "black", "wasserstein"),
    ],
)
def test_an_image_of_one_colour_is_painted(role, kind, recipe, image):
    path = {
        "white": lambda: image("white.png", (30, 20), (255, 255, 255)),
        "black": lambda: image("black.png", (30, 20), (0, 0, 0)),
        "one pixel": lambda: image("one.png", (1, 1), (200, 30, 90)),
        "clear": lambda: image("clear.png", (30, 20), (10, 200, 30, 0), "RGBA"),
    }[kind]()
    overrides = WASSERSTEIN if recipe == "wasserstein" else []
    optimizer = SWITCHES["lbfgs" if kind == "white" else "adam"]
    task = make_task("style_transfer_untrained", *SIZES, f"{role}={path}", *overrides, *optimizer)
    run(task, 3)
    loss = float(task.finalize()["result/loss"])
    assert math.isfinite(loss) and loss >= 0 and task.descent.skipped == 0
    assert task.visualize()["image"].isfinite().all()


def test_the_texture_of_one_colour_is_that_colour(image):
    path = image("orange.png", (8, 8), (230, 120, 20))
    task = make_task(
        "texture", "dataset.content_size=24", "dataset.style_size=24", "task.smallest_size=null", f"style={path}"
    )
    run(task, 40)
    task.finalize()
    mean = task.visualize()["image"].mean((0, 2, 3))
    assert torch.allclose(mean, torch.tensor([230.0, 120.0, 20.0]) / 255, atol=0.03)


def test_a_style_and_a_content_of_the_same_colour_are_at_their_goal(image, caplog):
    path = image("white.png", (8, 8), (255, 255, 255))
    task = make_task("style_transfer_untrained", *SIZES, f"style={path}")
    run(task, 14)
    assert not task.is_finished() and not caplog.records
    task.finalize()
    assert task.visualize()["image"].min() > 0.99


@pytest.mark.parametrize("role", ["style", "content"])
def test_scales_at_which_an_image_is_too_small_are_left_out(role, image, caplog):
    path = image("wide.png", (1000, 100), (1, 2, 3))
    task = make_task("style_transfer_untrained", f"dataset.{role}_size=96", "task.smallest_size=24", f"{role}={path}")
    assert len(task.sizes) == {"content": 1, "style": 1}[role] and task.sizes[-1] == task.dataset.longest_side
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{role}={path}: an image of ")
    assert "is too small for relu3_1, which needs 8 on each side: no scale of 24" in record.getMessage()
    run(task, 1)


@pytest.mark.parametrize("role", ["style", "content"])
def test_an_image_too_small_at_its_full_size_is_named_with_the_cure(role, image):
    path = image("wide.png", (1000, 100), (1, 2, 3))
    words = [f"{role}={path}", f"dataset.{role}_size=64"]
    with pytest.raises(UserError) as caught:
        build(make_config("style_transfer_untrained", *words)["task"], "task")
    assert str(caught.value) == (
        f"task: {role}={path}: an image of 64 x 6 pixels is too small for relu3_1, which needs 8 on each side; "
        f"set dataset.{role}_size=80 or more"
    )
    assert build(make_config("style_transfer_untrained", *words, f"dataset.{role}_size=80")["task"]).sizes


def test_the_cure_for_a_width_and_height_is_one(image):
    words = ["dataset.content_size=[64,16]", "objective.content_layers=[relu5_1]"]
    with pytest.raises(UserError, match=r"content=seascape: .* set dataset.content_size=\[64,32\] or more"):
        build(make_config("style_transfer_untrained", *words)["task"])


def test_a_row_of_pixels_is_copied(image):
    path = image("line.png", (1000, 1), (200, 30, 90))
    task = make_task("copy_image", f"content={path}", "dataset.content_size=32")
    run(task, 5)
    assert float(task.finalize()["result/loss"]) < 1e-6


def test_a_speck_of_a_mask_counts_at_every_scale(tmp_path, image):
    mask = Image.new("L", (2000, 2000))
    mask.putpixel((1000, 1000), 255)
    mask.save(tmp_path / "speck.png")
    task = make_task("style_transfer_untrained", *SIZES, f"dataset.style_masks=[{tmp_path / 'speck.png'}]")
    assert task.dataset.at(32).style_masks[0].max() > 0
    assert math.isfinite(run(task, 2)["train/loss"])


def test_losses_where_there_is_no_scale():
    nothing, features = torch.zeros(1, 4, 3, 3), torch.full((1, 4, 3, 3), 0.5)
    assert relative_squared_error(nothing, nothing) == 0 and relative_squared_error(features, nothing) == 0.25
    assert relative_squared_error(nothing, features) == 1
    assert total_variation(torch.rand(1, 3, 1, 1)) == 0
    flat = moments(torch.full((1, 4, 3, 3), 30.0), None)
    assert 0 <= wasserstein2(flat, flat, 1e-4) < 1e-5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_distance_of_statistics_that_are_not_finite_is_not_a_number_either(value):
    good = moments(torch.rand(1, 4, 3, 3), None)
    bad = good.clone().requires_grad_()
    distance = wasserstein2(bad * value, good, 1e-4)
    assert distance.isnan() and torch.autograd.grad(distance, bad)[0].isnan().all()
    assert wasserstein2(good, good * value, 1e-4).isnan()


@pytest.fixture(scope="module")
def config():
    return make_config("style_transfer", "model.weights=imagenet", "dataset.content_size=40")["task"]


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        ("dataset", {"content": "missing.jpg"}, "content=missing.jpg: no such file"),
        ("dataset", {"style": ["painting", "missing.jpg"]}, "style=missing.jpg: no such file"),
        ("dataset", {"content_mask": "missing.png"}, "content_mask=missing.png: no such file"),
        ("dataset", {"style_regions": ["missing.png"]}, "style_regions=missing.png: no such file"),
        ("objective", {"content_layers": ["relu5_1"]}, "set dataset.content_size=43 or more"),
        ("task", {"clamp": "always"}, "clamp must be one of"),
        ("objective", {"content_layers": ["conv9_9"]}, "VGG has no layer conv9_9"),
    ],
)
def test_mistakes_are_found_before_weights_are_read_or_downloaded(node, values, message, config, monkeypatch):
    monkeypatch.setattr(vgg, "read_weights", lambda weights: pytest.fail(f"{weights} were asked for"))
    changed = copy.deepcopy(config)
    (changed if node == "task" else changed[node]).update(values)
    with pytest.raises(UserError, match=message):
        build(changed, "task")


@pytest.mark.parametrize(
    ("experiment", "optimizer"), [("style_transfer_untrained", "adam"), ("style_transfer_hq", "lbfgs")]
)
def test_every_experiment_takes_every_optimizer(experiment, optimizer):
    build(make_config(experiment, f"optimizer={optimizer}")["optimizer"])([torch.nn.Parameter(torch.zeros(3))])


def test_in_bf16_too_a_later_scale_is_resumed_to_the_last_bit():
    options = ["task.smallest_size=24", "task.steps_per_scale=2"]
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):  # as the runner steps
        straight = make_task("style_transfer_untrained", *options)
        run(straight, 3)
    saved = copy.deepcopy(straight.state_dict())
    resumed = make_task("style_transfer_untrained", *options)
    resumed.load_state_dict(saved)  # as the runner does, outside of autocast
    for task in (straight, resumed):
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            run(task, 2)
    assert_same(straight.state_dict(), resumed.state_dict())
