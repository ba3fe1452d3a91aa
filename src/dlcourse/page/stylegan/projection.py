"""The job of "my photo": `sampler=project`, with its progress."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcourse.engine.build import build
from dlcourse.images.tensors import resize, to_pil_image, to_tensor
from dlcourse.page.stylegan.networks import Network
from dlcourse.page.uploads import data_url
from dlcourse.page.worker import Event, Orders
from dlcourse.stylegan.sampling.projection import Project, psnr
from dlcourse.stylegan.sampling.sampler import save_result

EVERY = 0.25  # seconds from one image to the next


def project(
    report: Callable[[Event], None],
    orders: Orders,
    config: dict[str, Any],
    files: list[Path],
    output: Path,
    device: str,
    precision: str,
) -> None:
    """Find the w of config["target"], report images on the way, and write PNG and .pt to `output`."""
    network = Network(files[0], device, precision)
    sampler: Project = build(config, "sampler")
    size = network.generator.resolution
    target = to_tensor(resize(sampler.image, [size, size]))
    last = 0.0
    torch.manual_seed(0)  # as dlcourse sample

    def watch(step: int, loss: float, w: Tensor, noise: list[Tensor]) -> bool:
        nonlocal last
        if time.monotonic() - last > EVERY:
            last = time.monotonic()
            image = network.draw(w.detach().expand(network.generator.num_layers, -1), [one.detach() for one in noise])
            shown = data_url(to_pil_image(image))
            report({"step": step, "total": sampler.steps, "loss": loss, "psnr": psnr(image, target), "image": shown})
        return orders.obey()[0]

    result = sampler(network.generator, watch)
    save_result(result, output, singles=False)
    found, steps = result.singles["projection"], len(result.found["losses"])
    last_event = {"psnr": psnr(to_tensor(found), target), "image": data_url(found), "is_last": True}
    report(last_event | {"step": steps, "total": sampler.steps})
