"""A decoder for the fast style transfer, without training."""

from pathlib import Path

import torch

from dlcourse.engine.checkpoint import save_checkpoint
from dlcourse.style_transfer.stylizer import Decoder


def write_decoder(path: Path) -> None:
    """Write a checkpoint of an untrained decoder."""
    torch.manual_seed(0)
    config = {"model": {"_target_": "dlcourse.style_transfer.stylizer.Decoder"}}
    save_checkpoint(path, 1, config, {"model": Decoder().state_dict()})
