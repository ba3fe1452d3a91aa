"""The images of style transfer: masks, several styles, colours, transparency."""

import pytest
import torch
from PIL import Image
from test_style_transfer import make_config, make_task, run

from conftest import compose
from dlcourse.cli.train import inputs_of
from dlcourse.engine.build import build
from dlcourse.images.tensors import to_pil_image
from dlcourse.style_transfer.colors import luminance
from dlcourse.style_transfer.losses import gram
from dlcourse.style_transfer.task import INITS


def mask_file(path, array):
    to_pil_image(array.expand(3, -1, -1)).save(path)
    return path


def test_each_style_stays_in_its_region(tmp_path):
    left = torch.zeros(1, 36, 48)
    left[..., :16] = 1
    files = [mask_file(tmp_path / name, mask) for name, mask in (("left.png", left), ("right.png", 1 - left))]
    regions = f"dataset.style_regions=[{files[0]},{files[1]}]"
    task = make_task("style_transfer", "style=[painting,mosaic]", regions, "objective.content_weight=0")
    task.objective.style_shares = [1.0, 0.0]
    (gradient,) = torch.autograd.grad(task.losses()["style"], [task.canvas.image])
    assert gradient[..., :16].abs().max() > 0
    assert gradient[..., 16 + 24 :].abs().max() == 0  # beyond the receptive field of conv3_1


def test_a_style_mask_leaves_the_rest_of_the_style_out(tmp_path):
    mask = torch.zeros(1, 40, 40)
    mask[:, :20] = 1
    path = mask_file(tmp_path / "mask.png", mask)
    masked = make_task("style_transfer", f"dataset.style_masks=[{path}]", "objective.style_layers=[pixels]")
    top = masked.dataset.at(48).styles[0][:, :, :20]
    assert torch.allclose(masked.objective.style_targets[0]["pixels"], gram(top, None, "chw"), atol=1e-6)


def test_outside_the_content_mask_the_content_does_not_count(tmp_path):
    mask = torch.ones(1, 36, 48)
    mask[..., 24:] = 0
    path = mask_file(tmp_path / "mask.png", mask)
    pixels_alone = ["objective.content_layers=[pixels]", "objective.style_layers=[]"]
    task = make_task("style_transfer", f"dataset.content_mask={path}", *pixels_alone)
    with torch.no_grad():
        task.canvas.image[..., 24:] += 0.5
        assert task.losses()["content"] == 0
        task.canvas.image[..., :24] += 0.5
        assert float(task.losses()["content"]) == pytest.approx(0.25)


def test_styles_blend_by_their_weights(tmp_path):
    to_pil_image(torch.rand(3, 40, 40)).save(tmp_path / "noise.png")
    both = ["style=[painting," + str(tmp_path / "noise.png") + "]"]
    even = make_task("style_transfer", *both)
    first = make_task()
    tilted = make_task("style_transfer", *both, "dataset.style_weights=[3,1]")
    target = lambda task: task.objective.style_targets[0]["conv1_1"]
    assert torch.allclose(target(tilted), (target(even) + target(first)) / 2, atol=1e-6)


def test_the_contents_chroma_is_kept():
    task = make_task("style_transfer_untrained", "dataset.colors=keep_chroma", "task.smallest_size=null")
    run(task, 5)
    task.finalize()
    result, content = task.visualize()["image"], task.dataset.at(48).content
    original = make_task().dataset.at(48).content
    rounded = (result * 255).round() / 255
    chroma = lambda image: image - luminance(image)
    assert (chroma(rounded) - chroma(original)).abs().max() <= 1 / 255
    assert (luminance(result) - luminance(original)).abs().max() > 0.05
    assert torch.equal(content[:, :1], content[:, 1:2])  # what the transfer sees is grey


def test_a_images_alpha_is_kept(tmp_path):
    image = Image.new("RGBA", (48, 36), (200, 30, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 24, 36))
    image.save(tmp_path / "alpha.png")
    options = [f"content={tmp_path / 'alpha.png'}", "dataset.content_size=[48,36]"]
    kept = make_task("style_transfer", *options, "dataset.keep_alpha=true").visualize()["image"]
    assert kept.shape == (1, 4, 36, 48) and kept[0, 3, 0, 0] == 0 and kept[0, 3, 0, -1] == 1
    laid = make_task("style_transfer", *options, "dataset.background=[0,0,255]").visualize()["image"]
    assert laid.shape == (1, 3, 36, 48) and laid[0, :, 0, 0].tolist() == [0, 0, 1]


def test_what_is_hidden_by_transparency_is_not_transferred(tmp_path):
    image = Image.new("RGBA", (48, 36), (200, 30, 30, 255))
    image.paste((0, 255, 0, 0), (0, 0, 24, 36))
    image.save(tmp_path / "alpha.png")
    options = ["dataset.content_size=[48,36]", "dataset.keep_alpha=true", "dataset.background=[0,0,255]"]
    content = make_task("style_transfer", f"content={tmp_path / 'alpha.png'}", *options).dataset.at(48).content
    assert content[0, :, 0, 0].tolist() == [0, 0, 1] and content[0, 0, 0, -1] == pytest.approx(200 / 255)


def two_styles(tmp_path, order, *overrides):
    """The config of a task with two unlike styles, dark and smooth on the left, bright and noisy on the right."""
    dark, bright = (torch.rand(3, size, size, generator=torch.Generator().manual_seed(size)) for size in (5, 40))
    left = (torch.arange(64) < 32).float().expand(1, 48, 64)
    to_pil_image(0.2 + 0.2 * dark).resize((40, 40)).save(tmp_path / "dark.png")
    to_pil_image(0.6 + 0.3 * bright).save(tmp_path / "bright.png")
    masks = {"dark": mask_file(tmp_path / "left.png", left), "bright": mask_file(tmp_path / "right.png", 1 - left)}
    styles = ",".join(str(tmp_path / f"{name}.png") for name in order)
    regions = ",".join(str(masks[name]) for name in order)
    words = [f"style=[{styles}]", f"dataset.style_regions=[{regions}]", "task.init=style", *overrides]
    return make_config("style_transfer_offline", *words)


@pytest.mark.parametrize("colors", ["content_to_style", "style_to_content", "keep_chroma", "free"])
@pytest.mark.parametrize("regions", [[], ["dataset.style_regions=[]"]])
def test_the_order_of_the_styles_changes_no_image(colors, regions, tmp_path):
    overrides = [f"dataset.colors={colors}", *regions]
    configs = [two_styles(tmp_path, order, *overrides) for order in (("dark", "bright"), ("bright", "dark"))]
    one, other = (build(config["dataset"]).at(48) for config in configs)
    assert torch.allclose(one.content, other.content, atol=1e-6)
    for mine, its in zip(one.styles, other.styles[::-1], strict=True):
        assert torch.equal(mine, its)
    assert torch.allclose(INITS["style"](one), INITS["style"](other), atol=1e-6)


@pytest.mark.parametrize("regions", [[], ["dataset.style_regions=[]"]])
def test_the_order_of_the_styles_changes_no_loss(regions, tmp_path):
    losses = []
    for order in (("dark", "bright"), ("bright", "dark")):
        torch.manual_seed(0)
        task = build(two_styles(tmp_path, order, *regions)["task"])
        task.setup(torch.device("cpu"))
        losses.append({name: float(value) for name, value in run(task, 1).items()})
    assert losses[0] == pytest.approx(losses[1], rel=1e-3, abs=1e-7)


def test_the_content_takes_the_colours_of_the_style_of_each_region(tmp_path):
    images = build(two_styles(tmp_path, ("dark", "bright"))["dataset"]).at(48)
    halves = images.content[..., :24], images.content[..., 24:]
    for half, style in zip(halves, images.styles, strict=True):
        assert torch.allclose(half.mean((2, 3)), style.mean((2, 3)), atol=0.02)
    left_alone = [f"dataset.style_regions=[{tmp_path / 'left.png'},{tmp_path / 'left.png'}]"]
    hole = build(two_styles(tmp_path, ("dark", "bright"), *left_alone)["dataset"]).at(48)
    free = build(two_styles(tmp_path, ("dark", "bright"), "dataset.colors=free")["dataset"]).at(48)
    assert torch.equal(hole.content[..., 24:], free.content[..., 24:])  # no style goes there


def test_calibration_and_colours_look_at_the_masked_part_of_a_style(tmp_path):
    noise = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    mask = mask_file(tmp_path / "mask.png", (torch.arange(40) < 20).float().expand(1, 40, 40))
    tasks = []
    for name, color in {"white": [1.0, 1, 1], "red": [1.0, 0, 0]}.items():
        right = torch.tensor(color)[:, None, None].expand(3, 40, 20)
        to_pil_image(torch.cat([noise[..., :20], right], 2)).save(tmp_path / f"{name}.png")
        words = [f"style={tmp_path / f'{name}.png'}", f"dataset.style_masks=[{mask}]"]
        tasks.append(make_task("style_transfer_offline", *words))
    one, other = (task.dataset.at(48).content for task in tasks)
    assert torch.equal(one, other)
    weights = [task.objective.network.layers.conv1_1.weight for task in tasks]
    assert torch.allclose(*weights, rtol=0.1, atol=0.02)  # but for the pixels beside the border


def test_the_first_line_of_a_run_names_the_images_and_says_which_are_built_in(tmp_path):
    assert inputs_of(compose("experiment=style_transfer_offline")) == (
        ", content=seascape (built-in), style=painting (built-in)"
    )
    two = compose("experiment=texture", f"content={tmp_path}/A.jpg", "style=[mosaic,B.jpg]")
    assert inputs_of(two) == f", content={tmp_path}/A.jpg, style=mosaic (built-in), style=B.jpg"
    assert inputs_of(compose()) == ""
