"""Small images of a generator that stand for its large ones while a brush moves."""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.layers import Conv2d

RIDGE = 1e-3  # of the mean square of a feature
MOST_PIXELS = 2**14  # of an image that are compared


def seconds(action: Callable[[], object], tries: int = 3) -> float:
    """The least time that an action takes, after a first time that does not count."""
    action()
    times = []
    for _ in range(tries):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


@torch.no_grad()
def fit_to_rgb(generator: Generator, styles: Tensor, halvings: int) -> None:
    """Make the generator's images at a lower level of detail look like its full ones, made small.

    A generator that has grown beyond a resolution trains its ToRGB there no more, and its colours become wrong. It is a
    linear map of the features of a pixel, so it is found anew by least squares over a few images, those of `styles`
    (N, L, w_dim). Full images do not use it.
    """
    to_rgb = generator.synthesis.get_submodule(f"to_rgb_lod{halvings}")
    assert isinstance(to_rgb, Conv2d)
    features: list[Tensor] = []
    hook = to_rgb.register_forward_pre_hook(lambda _, inputs: features.append(pixels(inputs[0])))
    full = []
    for one in styles.split(1):
        generator.synthesis(one, "const", float(halvings), is_upscaled=False)
        full.append(pixels(F.avg_pool2d(generator.synthesis(one, "const", 0.0, is_upscaled=False), 2**halvings)))
    hook.remove()
    x, y = torch.cat(features), torch.cat(full)
    mean_x, mean_y = x.mean(0), y.mean(0)
    x = x - mean_x
    square = x.T @ x / len(x)
    ridge = RIDGE * square.diagonal().mean() * torch.eye(len(square)).to(square)
    weight = torch.linalg.solve(square + ridge, x.T @ (y - mean_y) / len(x)).T  # (3, C)
    to_rgb.weight.copy_(weight[:, :, None, None] / to_rgb.scale)
    to_rgb.bias.copy_(mean_y - weight @ mean_x)


def pixels(image: Tensor) -> Tensor:
    """(1, C, H, W) -> (H * W or MOST_PIXELS of them, C), in double precision on the CPU."""
    flat = image[0].flatten(1).T
    return flat[:: -(-len(flat) // MOST_PIXELS)].cpu().double()
