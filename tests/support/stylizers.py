"""A network of fast style transfer, without training."""

from pathlib import Path

import torch

from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.style_transfer.stylizer import Stylizer


def write_decoder(path: Path) -> None:
    """Write a checkpoint of an untrained stylizer, of little contrast, so that a video's encoder keeps its images."""
    torch.manual_seed(0)
    config = {"model": {"_target_": "dlcourse.style_transfer.stylizer.Stylizer"}}
    stylizer = Stylizer()
    with torch.no_grad():
        stylizer.decoder.full_size[-1].weight *= 0.002
    save_checkpoint(path, 1, config, {"model": stylizer.state_dict()})
