"""Style transfer against the tutorial's chain, numbers of others, and what it promises."""

import copy
import importlib.util
import json

import pytest
import torch
from torch.nn import functional as F

from conftest import ROOT, VGG_FILE, assert_same, compose
from dlcourse.engine.build import build
from dlcourse.errors import UserError
from dlcourse.images.tensors import to_pil_image
from dlcourse.style_transfer.losses import gram
from dlcourse.style_transfer.task import StyleTransfer, scale_sizes

ORACLE = json.loads((ROOT / "tests" / "data" / "style_oracle.json").read_text())
SMALL = ["dataset.content_size=48", "dataset.style_size=40", f"model.weights={VGG_FILE}"]


def make_config(experiment="style_transfer", *overrides):
    return compose(f"experiment={experiment}", *SMALL, *overrides)


def make_task(experiment="style_transfer", *overrides) -> StyleTransfer:
    torch.manual_seed(0)
    task = build(make_config(experiment, *overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def run(task, steps):
    for _ in range(steps):
        terms = task.step()
    return terms


def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark", ROOT / "benchmarks" / "style_transfer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_the_tutorials_network_gives_the_same_loss_gradient_and_path():
    exact = ["model.weights=random", "model.channels_last=false", "objective.range_weight=0"]
    sizes = ["dataset.content_size=[64,64]", "dataset.style_size=[64,64]"]
    config = make_config("style_transfer", *exact, *sizes)
    tutorial, ours = benchmark().Tutorial(config, torch.device("cpu")), make_task("style_transfer", *exact, *sizes)
    loss = tutorial.evaluate().detach()
    terms = ours.losses()
    (gradient,) = torch.autograd.grad(terms["loss"], [ours.canvas.image])
    assert float(terms["loss"].detach()) == pytest.approx(float(loss), rel=1e-5)
    assert torch.allclose(gradient, tutorial.image.grad, atol=1e-5 * float(gradient.abs().max()))
    path = []
    tutorial.optimizer.step(lambda: path.append(tutorial.evaluate()) or path[-1])  # 20 iterations
    found = [float(ours.step()["train/loss"]) for _ in path]
    assert found[-1] <= 1.02 * float(path[-1].detach()) < 0.1 * found[0]


@pytest.mark.slow
def test_gram_matrices_of_noise_are_those_that_others_computed():
    torch.manual_seed(0)
    model = build(compose("experiment=style_transfer", "model.weights=random")["model"])().double()
    torch.manual_seed(1)
    noise = torch.rand(1, 3, 128, 128)
    assert noise.flatten()[:8].tolist() == pytest.approx(ORACLE["noise_first8"])
    layers = [layer for name, layer in model.layers.named_children() if name.startswith("conv")]
    for layer, (total, absolute, norm, *_) in zip(layers, ORACLE["weights_stats"], strict=True):
        weight = layer.weight
        assert float(weight.abs().sum()) == pytest.approx(absolute, rel=1e-6)
        assert float(weight.norm()) == pytest.approx(norm, rel=1e-6)
        assert float(weight.sum()) == pytest.approx(total, abs=1e-6 * absolute)
    names = ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    features = model(noise.double(), names)
    for name, corner, (total, trace, norm) in zip(names, ORACLE["gram_corner"], ORACLE["gram_stats"], strict=True):
        found = gram(features[name], None, "chw")[0]
        assert torch.allclose(found[:4, :4], torch.tensor(corner).double(), rtol=1e-4)
        sums = [float(value) for value in (found.sum(), found.trace(), found.norm())]
        assert sums == pytest.approx([total, trace, norm], rel=1e-4)


def test_the_content_itself_has_no_content_loss_and_the_style_no_style_loss():
    task = make_task()
    terms = task.losses()
    assert terms["content"] == 0 and terms["range"] == 0 and terms["style"] > 0
    style = task.dataset.at(48).styles[0]
    assert style.shape[-2:] == (40, 40) and task.canvas.image.shape[-2:] == (36, 48)
    features = task.objective.network(style, task.objective.style_layers)
    for name, target in task.objective.style_targets[0].items():
        assert torch.equal(task.objective.style_statistic(features[name], None), target)


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_image_changes_and_the_loss_falls_with_any_optimizer(optimizer):
    rate = {"adam": 0.01, "lbfgs": 1.0}[optimizer]
    task = make_task("style_transfer", f"optimizer={optimizer}", f"optimizer.lr={rate}")
    first = task.step()["train/loss"]
    last = run(task, 15)["train/loss"]
    assert last < 0.8 * first
    assert task.visualize()["image"].shape == (1, 3, 36, 48)


def test_a_copy_is_exact_to_the_byte():
    task = make_task("copy_image")
    run(task, 10)
    assert task.finalize()["result/loss"] < 1e-6
    bytes_of = lambda image: (image * 255).round().to(torch.uint8)
    assert torch.equal(bytes_of(task.visualize()["image"]), bytes_of(task.dataset.at(48).content))


def test_two_images_combine_to_their_mean():
    task = make_task("combine_images", "dataset.content_size=[48,36]", "dataset.style_size=[48,36]")
    run(task, 10)
    task.finalize()
    images = task.dataset.at(48)
    mean = (images.content + images.styles[0]) / 2
    assert (task.visualize()["image"] - mean).abs().max() < 1e-3


@pytest.mark.long
def test_a_textures_gram_loss_falls_a_hundredfold_and_it_is_no_copy():
    task = make_task("texture", "task.smallest_size=null")
    first = task.step()["train/style"]
    assert run(task, 120)["train/style"] < 0.01 * first


@pytest.mark.long
def test_deeper_layers_keep_less_of_the_pixels():
    errors = []
    for layer in ("relu1_1", "relu2_1", "relu3_1"):
        task = make_task("content_reconstruction", f"objective.content_layers=[{layer}]")
        first = task.step()["train/content"]
        assert run(task, 60)["train/content"] < 0.01 * first
        task.finalize()
        errors.append(float(F.mse_loss(task.visualize()["image"], task.dataset.at(48).content)))
    assert errors == sorted(errors) and errors[0] < 1e-5


@pytest.mark.long
def test_inits_are_what_they_say(tmp_path):
    images = make_task().dataset.at(48)
    assert torch.equal(make_task("style_transfer", "task.init=content").canvas.image, images.content)
    assert make_task("style_transfer", "task.init=noise").canvas.image.std() > 0.2
    style = make_task("style_transfer", "task.init=style").canvas.image
    assert torch.allclose(style.mean((2, 3)), images.styles[0].mean((2, 3)), atol=0.02)
    task = make_task("copy_image")
    run(task, 10)
    to_pil_image(images.content[0]).save(tmp_path / "start.png")
    again = make_task("style_transfer", f"task.init={tmp_path / 'start.png'}").canvas.image
    assert torch.allclose(again, images.content, atol=0.5 / 255 + 1e-6)


def test_scales_rise_by_the_square_root_of_two_up_to_the_size_asked_for():
    assert scale_sizes(64, 256) == [64, 91, 128, 181, 256]
    assert scale_sizes(100, 256) == [128, 181, 256]
    assert scale_sizes(256, 256) == [256] and scale_sizes(300, 256) == [256]


COARSE_TO_FINE = ["task.smallest_size=24", "task.steps_per_scale=4"]


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_coarse_scales_come_first_and_hand_over_their_image(optimizer):
    options = [*COARSE_TO_FINE, f"optimizer={optimizer}", "task.iterate_ema_decay=0.5"]
    options += ["optimizer.lr=0.02"] if optimizer == "adam" else []
    task = make_task("style_transfer", *options)
    sizes = [int(task.step()["progress/size"]) for _ in range(14)]
    assert sizes == [24] * 4 + [34] * 4 + [48] * 6
    assert task.canvas.image.shape[-2:] == (36, 48)
    one_scale = make_task("style_transfer", f"optimizer={optimizer}")
    assert task.losses()["loss"] < 0.5 * one_scale.losses()["loss"]
    assert task.visualize()["image"].shape == (1, 3, 36, 48)
    task.finalize()
    assert not task.advice(9)
    assert [task.work(steps) for steps in (0, 3, 8, 14)] == [
        0,
        3 * 24**2,
        4 * (24**2 + 34**2),
        sum(x**2 for x in sizes),
    ]
    blurred = "which is blurred; task."
    assert task.advice(8).startswith(f"8 steps end at 34 of 48 pixels, {blurred}steps_per_scale=2 reaches")
    assert task.advice(2).startswith(f"2 steps end at 24 of 48 pixels, {blurred}smallest_size=null reaches")


@pytest.mark.long
@pytest.mark.parametrize("stop", [2, 4, 5, 9])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_resumed_in_any_scale_to_the_last_bit(stop, optimizer):
    options = [*COARSE_TO_FINE, f"optimizer={optimizer}", "task.iterate_ema_decay=0.9"]
    straight = make_task("style_transfer", *options)
    run(straight, stop)
    saved = copy.deepcopy({name: part.state_dict() for name, part in straight.state().items()})
    resumed = make_task("style_transfer", *options, "task.init=noise")
    for name, part in resumed.state().items():
        part.load_state_dict(saved[name])
    for task in (straight, resumed):
        run(task, 12 - stop)
        task.finalize()
    assert_same(straight.state_dict(), resumed.state_dict())
    assert torch.equal(straight.visualize()["image"], resumed.visualize()["image"])


def test_the_result_is_the_best_of_what_was_seen():
    task = make_task("style_transfer", "optimizer=adam", "optimizer.lr=0.2", "task.iterate_ema_decay=0.5")
    run(task, 8)
    result = task.finalize()["result/loss"]
    for image in (task.guard.best, task.canvas.image.detach(), task.canvas.average()):
        assert result <= task.objective(image.clamp(0, 1))["loss"]
    assert 0 <= float(task.result.min()) and float(task.result.max()) <= 1


@pytest.mark.long
@pytest.mark.parametrize(("clamp", "stays_inside"), [("never", False), ("update", True), ("evaluation", False)])
def test_clamps_are_where_they_say(clamp, stays_inside):
    adam = ["optimizer=adam", "optimizer.lr=0.3"]
    task = make_task("style_transfer", f"task.clamp={clamp}", "objective.range_weight=0", *adam)
    run(task, 3)
    image = task.canvas.image.detach()
    assert (float(image.min()) >= 0 and float(image.max()) <= 1) == stays_inside
    task.losses()
    assert (0 <= float(task.canvas.image.detach().min())) == (clamp != "never")


@pytest.mark.long
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["objective.content_layers=[conv9_9]"], "VGG has no layer conv9_9; it has pixels, conv1_1"),
        (["objective.content_layers=[]", "objective.style_layers=[]"], "there is nothing to optimize"),
        (["objective.style_layer_weights=[1,2]"], r"style_layer_weights must be one for each of 5 layers, or null"),
        (["task.init=zeros.png"], r"init=zeros.png: no such file"),
        (["task.clamp=always"], "clamp must be one of never, update, evaluation, got 'always'"),
        (["task.smallest_size=4"], "smallest_size must be at least 16 pixels, or null, got 4"),
        (["task.iterate_ema_decay=1"], r"iterate_ema_decay must be in \[0, 1\), got 1"),
        (["dataset.content_size=4"], r"content_size must be at least 16 pixels, or \[width, height\] of that, got 4"),
        (["dataset.style_size=[40]"], r"style_size must be at least 16 pixels, or \[width, height\] of that"),
        (["content=nope.png"], "content=nope.png: no such file"),
        (["style=[painting,nope.png]"], "style=nope.png: no such file"),
        (["style=[]"], r"style must be an image or a list of at least one, got \[\]"),
        (["objective.content_weight=-1"], "content_weight must be at least 0, got -1"),
        (["objective.range_weight=-0.1"], "range_weight must be at least 0, got -0.1"),
        (["objective.style_layer_weights=[1,1,1,1,-1]"], "style_layer_weights must be at least 0, got"),
        (["dataset.style_regions=[a.png,b.png]"], "style_regions must be one for each of 1 styles, got 2"),
        (["dataset.colors=grey"], "colors must be one of free, style_to_content, content_to_style, keep_chroma, got"),
        (["dataset.style_weights=[0]"], r"style_weights must be positive, got \[0\]"),
        (["dataset.background=[0,0]"], r"background must be three values in \[0, 255\]"),
        (["objective.content_layers=[relu5_1]", "dataset.content_size=32"], "an image of 32 x 24 pixels is too small"),
        (["objective=pixels", "objective.style_layers=[pixels]"], r"\[1, 3, 36, 48\] cannot be compared with .* equal"),
    ],
)
def test_senseless_values_are_named(overrides, message):
    with pytest.raises((UserError, ValueError), match=message):
        make_task("style_transfer", *overrides)
