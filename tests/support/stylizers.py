"""A decoder for the fast style transfer, without training."""

from pathlib import Path

import torch

from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.style_transfer.stylizer import Decoder


def write_decoder(path: Path) -> None:
    """Write a checkpoint of an untrained decoder, of little contrast, so that a video's encoder keeps its images."""
    torch.manual_seed(0)
    config = {"model": {"_target_": "dlcourse.style_transfer.stylizer.Decoder"}}
    decoder = Decoder()
    with torch.no_grad():
        decoder.layers[-1].weight *= 0.1
    save_checkpoint(path, 1, config, {"model": decoder.state_dict()})
