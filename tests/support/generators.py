"""Untrained generators in which every term matters."""

import torch

from dlcourse.stylegan.networks.generator import Generator

SMALL = {"z_dim": 32, "w_dim": 32, "channel_base": 512, "channel_max": 32, "mapping_layers": 4}


def small_generator(resolution=32, num_classes=0):
    torch.manual_seed(1)
    network = Generator(resolution=resolution, num_classes=num_classes, **SMALL)
    for name, parameter in network.named_parameters():
        if "to_rgb" in name and name.endswith("bias"):
            continue
        if "noise" in name:
            torch.nn.init.normal_(parameter, std=0.2)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
        elif "to_rgb" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # images within [-1, 1]
    network.w_avg.normal_(std=0.1)
    return network.eval()
