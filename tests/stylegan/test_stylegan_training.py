"""What StyleGAN's training task does with its networks."""

import copy
import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from conftest import assert_same, compose
from dlcourse.engine.build import build
from dlcourse.engine.runner import step_seed
from dlcourse.errors import UserError
from dlcourse.images import tables
from dlcourse.images.tables import labelled_grid as grid
from dlcourse.stylegan.previews import described_lod, previews, real_sheet, seeds_of
from dlcourse.stylegan.sampling.seeds import parse_seeds
from dlcourse.stylegan.sampling.synthesizer import Synthesizer

TINY = [
    "experiment=stylegan_faces",
    "dataset.num_images=24",
    "dataset.resolution=16",
    "model.channel_max=8",
    "model.z_dim=8",
    "model.w_dim=8",
    "task.growth.batch_size=8",
    "task.growth.batch_sizes=null",
    "optimizer.lr=2e-3",
    "loss.r1_gamma=1",
    "loss.d_reg_interval=4",
    "task.growth.stable_images=24",
    "task.growth.transition_images=24",
    "task.channels_last=false",
]


def make(*overrides):
    torch.manual_seed(0)
    task = build(compose(*TINY, *overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def steps(task, first, last):
    for step in range(first, last):
        torch.manual_seed(step_seed(0, step))
        metrics = task.step()
    return metrics


def state_of(task):
    return copy.deepcopy({name: part.state_dict() for name, part in task.state().items()})


def largest_difference(first, second):
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max((one - other).abs().max().item() for one, other in pairs)


@pytest.mark.long
@pytest.mark.parametrize("stop", [2, 4, 5, 6])  # while 8x8 trains, in the fade, at its end, at 16x16
def test_resumed_in_any_phase_to_the_last_bit(stop):
    straight, first, second = make(), make(), make()
    steps(straight, 0, 10)
    steps(first, 0, stop)
    for name, part in second.state().items():
        part.load_state_dict(state_of(first)[name])
    steps(second, stop, 10)
    assert_same(state_of(straight), state_of(second))


def test_a_run_that_goes_on_with_other_minibatches_sees_the_images_that_are_asked_for():
    fixed = ["task.total_images=80", "task.growth.initial_resolution=16", "scheduler=cosine"]
    first = make(*fixed)
    assert first.steps_left() == 10
    steps(first, 0, 2)
    for other, left in {"task.growth.batch_size=4": 16, "task.updates.minibatch_repeats=2": 4}.items():
        second = make(*fixed, other)
        for name, part in second.state().items():
            part.load_state_dict(state_of(first)[name])
        second.restored(2)
        assert second.steps_left() == left
        rates = [float(steps(second, 2 + step, 3 + step)["optimizer/lr"]) for step in range(left)]
        assert second.minibatches.images_seen == 80 and second.steps_left() == 0
        assert all(a > b for a, b in pairwise(rates)) and 0 < rates[-1] < 0.1 * rates[0]  # it ends with the run
    first.total_images = 8  # fewer than it has seen
    assert first.steps_left() == 0


def test_factors_on_the_learning_rates_count_when_a_run_goes_on():
    first = make("task.growth.initial_resolution=16")
    steps(first, 0, 2)
    second = make(
        "task.growth.initial_resolution=16",
        "task.growth.lr_factors={16: 0.5}",
        "task.updates.discriminator_lr_factor=4",
    )
    for name, part in second.state().items():
        part.load_state_dict(state_of(first)[name])
    second.restored(2)
    steps(second, 2, 3)
    assert second.g_descent.lr() == pytest.approx(0.5 * first.g_descent.lr())
    assert second.d_descent.lr() == pytest.approx(2 * first.d_descent.lr())


def test_it_grows_as_the_images_go_by():
    task = make()
    lods = [float(steps(task, step, step + 1)["progress/lod"]) for step in range(8)]
    assert lods == pytest.approx([1, 1, 1, 1, 2 / 3, 1 / 3, 0, 0])


def test_optimizers_forget_when_the_stage_changes_and_take_the_rate_of_the_resolution():
    task = make("task.growth.lr_factors={16: 0.5}")
    steps(task, 0, 3)
    assert task.g_descent.optimizer.state
    assert task.g_descent.lr() == task.d_descent.lr() == 2e-3
    steps(task, 3, 4)  # 24 images: trained, at the next image the fade begins
    assert not task.g_descent.optimizer.state and not task.d_descent.optimizer.state
    steps(task, 4, 5)
    assert task.g_descent.lr() == task.d_descent.lr() == 1e-3


def test_blocks_that_are_not_computed_keep_their_weights():
    task = make()
    before = copy.deepcopy(task.generator.state_dict())
    steps(task, 0, 3)
    after = task.generator.state_dict()
    above = [name for name in after if name.startswith(("synthesis.16x16", "synthesis.to_rgb_lod0"))]
    assert above and all(torch.equal(after[name], before[name]) for name in above)
    for name in ("synthesis.8x8.conv1.weight", "synthesis.to_rgb_lod1.weight", "synthesis.4x4.const.const"):
        assert not torch.equal(after[name], before[name])


@pytest.mark.parametrize("reuse", [True, False])
def test_parts_of_a_minibatch_give_the_update_of_the_whole(reuse):
    options = ["task.growth.initial_resolution=16", "loss.d_reg_interval=1", f"task.updates.reuse_fakes={reuse}"]
    whole, parts = (make(*options, f"task.updates.gradient_accumulation_steps={count}") for count in (1, 2))
    first, second = steps(whole, 0, 1), steps(parts, 0, 1)
    for tag in ("gan/d_loss", "gan/g_loss", "gan/penalty", "gan/real_score"):
        assert float(first[tag]) == pytest.approx(float(second[tag]), rel=1e-5)
    gradients = zip(whole.d_descent.parameters, parts.d_descent.parameters, strict=True)
    assert all(torch.allclose(one.grad, other.grad, atol=1e-6) for one, other in gradients if one.grad is not None)
    assert torch.allclose(whole.generator.w_avg, parts.generator.w_avg, atol=1e-3)


def test_each_update_leaves_the_other_network_alone():
    task = make("task.growth.initial_resolution=16")
    seen = []
    original = task.d_descent.step

    def step(*loss_fns):
        before = copy.deepcopy(task.generator)
        terms = original(*loss_fns)
        seen.append(largest_difference(before, task.generator))
        assert all(parameter.grad is None for parameter in task.generator.parameters())
        return terms

    task.d_descent.step = step
    steps(task, 0, 1)
    assert seen == [0.0]


def test_the_penalty_is_taken_when_it_is_due_and_scaled_up():
    rare, every = make("loss.d_reg_interval=3"), make("loss.d_reg_interval=1")
    phase = rare.growth.phase(0)
    torch.manual_seed(0)
    (reals,), (latents,) = rare.minibatches.reals(phase), rare.minibatches.latents(phase)
    fakes = torch.randn(8, 3, 8, 8)
    terms = [task.discriminator_losses(phase, reals, latents, fakes) for task in (rare, every)]
    extra = [(part["loss"] - part["adversarial"]).item() for part in terms]
    assert extra[0] == pytest.approx(3 * extra[1], rel=1e-4) and extra[1] > 0
    rare.d_descent.updates = 1
    assert "penalty" not in rare.discriminator_losses(phase, reals, latents, fakes)


def test_repeats_are_that_many_minibatches():
    twice, once = make("task.updates.minibatch_repeats=2"), make()
    steps(twice, 0, 1)
    steps(once, 0, 2)
    assert twice.minibatches.images_seen == once.minibatches.images_seen == 16
    assert twice.d_descent.updates == 2


def test_the_number_of_images_gives_the_number_of_steps():
    task = make("task.total_images=100", "task.updates.minibatch_repeats=2", "task.growth.batch_sizes={8: 4}")
    count = task.steps_left()
    steps(task, 0, count - 1)
    assert task.minibatches.images_seen < 100
    steps(task, count - 1, count)
    assert task.minibatches.images_seen >= 100
    assert make("task.total_images=null").steps_left() is None
    with pytest.raises(UserError, match="task.total_images must be at least 1, or null, got 0"):
        make("task.total_images=0")


@pytest.mark.parametrize("length", ["task.total_images=48", "runner.max_steps=3"])
def test_a_schedule_ends_with_the_images_or_steps(length):
    shape = ["task.growth.initial_resolution=16", "task.updates.minibatch_repeats=2", "task.total_images=null"]
    task = make(*shape, "scheduler=cosine", "scheduler.floor=0.1", length)
    rates = [steps(task, step, step + 1)["optimizer/lr"] for step in range(4)]
    factors = [0.1 + 0.45 * (1 + math.cos(math.pi * update / 6)) for update in (1, 3, 5, 6)]  # the second of each step
    assert rates == pytest.approx([2e-3 * factor for factor in factors])


def test_something_of_the_discriminator_is_left_to_learn():
    with pytest.raises(UserError, match=r"task.updates.freeze_d must be in \[0, 2\] at 16 pixels, got 3"):
        make("task.updates.freeze_d=3")


def test_frozen_resolutions_of_the_discriminator():
    task = make("task.updates.freeze_d=1", "task.growth.initial_resolution=16")
    before = copy.deepcopy(task.discriminator.state_dict())
    steps(task, 0, 2)
    changed = {name for name, value in task.discriminator.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and not any(name.startswith(("16x16", "from_rgb_lod0")) for name in changed)


def test_two_time_scales():
    task = make("task.updates.discriminator_lr_factor=4")
    steps(task, 0, 1)
    assert task.d_descent.lr() == 4 * task.g_descent.lr()


@pytest.mark.long
@pytest.mark.parametrize("loss", ["logistic", "hinge", "wgan_gp"])
@pytest.mark.parametrize("augment", ["none", "diffaugment", "adaptive"])
def test_every_loss_and_augmentation_trains(loss, augment):
    task = make(f"loss={loss}", f"augment={augment}", "optimizer.lr=1e-3")
    metrics = steps(task, 0, 5)
    assert all(torch.isfinite(torch.as_tensor(float(value))) for value in metrics.values())


def test_classes_are_learned_and_shown_one_after_the_other():
    task = make("dataset.label=glasses", "dataset.num_classes=2")
    steps(task, 0, 5)
    (reals,) = task.minibatches.reals(task.growth.phase(0))
    assert reals[1].shape == (8, 2) and torch.equal(reals[1].sum(1), torch.ones(8))
    assert [seed.label for seed in seeds_of(task.generator, 3)] == [
        "seed 0 of class 0",
        "seed 1 of class 1",
        "seed 2 of class 0",
    ]
    assert task.visualize()["fakes"].shape[0] == 1


def test_a_data_set_with_classes_can_be_learned_without_them():
    task = make("dataset.label=glasses")
    assert task.minibatches.reals(task.growth.phase(0))[0][1] is None


def test_labels_that_do_not_fit_are_told():
    with pytest.raises(UserError, match="num_classes must be 2 for label=glasses, or 0, got 3"):
        make("dataset.label=glasses", "dataset.num_classes=3")


def test_a_minibatch_that_cannot_be_divided_is_told_before_training():
    with pytest.raises(ValueError, match="a minibatch of 8 images cannot be divided into 3 equal parts"):
        make("task.updates.gradient_accumulation_steps=3")


def test_the_preview_of_reals_is_spread_over_the_data(monkeypatch):
    shown = []
    monkeypatch.setattr("dlcourse.stylegan.previews.labelled_grid", lambda *about: shown.append(about) or grid(*about))
    images = torch.arange(31, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 8, 8)
    real_sheet(images)
    ((pictures, titles, *_),) = shown
    assert titles == [f"image {index}" for index in range(0, 31, 2)]
    assert torch.equal(pictures[:, 0, 0, 0] * 255, torch.arange(0.0, 31, 2))


def test_reals_are_mirrored_half_the_time():
    task = make("task.growth.initial_resolution=16", "task.growth.batch_size=24", "task.mirror_augment=true")
    phase = task.growth.phase(0)
    first_only = SimpleNamespace(take=lambda count: (torch.zeros(count, dtype=torch.int64),), samples_seen=0)
    task.minibatches.stream = first_only
    images = torch.cat([task.minibatches.reals(phase)[0][0] for _ in range(10)])
    whole = images[0]
    straight = (images == whole).all(3).all(2).all(1)
    flipped = (images == whole.flip(2)).all(3).all(2).all(1)
    assert (straight | flipped).all()
    assert 80 < straight.sum() < 160


def test_previews_are_captioned_and_large_enough_to_look_at(monkeypatch):
    task, headings = make(), []
    monkeypatch.setattr(tables, "wrap", lambda text, *_: headings.append(text) or text.split("\n"))
    steps(task, 0, 4)
    images = task.visualize()
    assert images.keys() == {"fakes", "mixing", "truncation", "reals"}
    assert all(len(batch) == 1 and min(batch.shape[-2:]) >= 512 for batch in images.values())
    progress = "32 images seen; 8 x 8 pixels fading into 16 x 16, enlarged 8 times"
    assert f"{progress}. Average of the generator, psi 0.7." in headings
    assert sum(text.startswith(progress) for text in headings) == 3
    assert {f"seed {number}" for number in range(16)} <= set(headings)
    assert "Real images of the training set; 16 x 16 pixels, enlarged 8 times." in headings


@pytest.mark.parametrize(
    ("lod", "words"),
    [
        (0.0, "64 x 64 pixels, enlarged 2 times"),
        (2.0, "16 x 16 pixels, enlarged 8 times"),
        (1.3, "16 x 16 pixels fading into 32 x 32, enlarged 4 times"),
    ],
)
def test_captions_say_the_pixels_that_a_level_of_detail_shows(lod, words):
    assert described_lod(64, lod) == words


def test_previews_show_the_images_that_a_sampler_draws(monkeypatch):
    generator = make().generator
    drawn = Synthesizer(None, 0.7, None, 16).images(generator, parse_seeds("0-15"))
    shown = []
    grid = lambda images, *_: shown.append(images) or Image.new("RGB", (600, 600))
    monkeypatch.setattr("dlcourse.stylegan.previews.labelled_grid", grid)
    previews(generator, 0.0, "Step 1")
    assert torch.allclose(shown[0], drawn, atol=1e-5)
