"""Our networks in the layout of the official pickles: (G, D, Gs), with variables in the order of their creation."""

from typing import Any

import numpy as np
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.stylegan.interop.networks import Pretrained
from dlcourse.stylegan.interop.official import our_name
from dlcourse.stylegan.interop.pickle_writer import dumps
from dlcourse.stylegan.interop.unpickle import Network
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.layers import block_name

# The official loader runs this to build its graph; it needs a copy of the official code beside it.
BUILD_SOURCE = "from training.networks_stylegan import *\n"
LOD = ("lod", np.zeros((), np.float32))
SIZES = {  # our config -> the arguments of the official code
    "resolution": "resolution",
    "num_classes": "label_size",
    "channel_base": "fmap_base",
    "channel_max": "fmap_max",
    "z_dim": "latent_size",
    "w_dim": "dlatent_size",
    "mapping_layers": "mapping_layers",
    "mapping_width": "mapping_fmaps",
    "mapping_lr_multiplier": "mapping_lrmul",
    "mbstd_group_size": "mbstd_group_size",
}
LEAVES = ("const", "weight", "Noise/weight", "bias", "StyleMod/weight", "StyleMod/bias")


def to_official_pickle(pretrained: Pretrained) -> bytes:
    """The bytes of an official pickle, with None for missing networks; UserError for a graph that it cannot hold."""
    for kind, node in pretrained.config.items():
        for option in ("parts", "channels"):
            if node.get(option) is not None:
                raise UserError(f"its {kind} has {option} of its own, which the official layout cannot hold")
        if "mbstd_group_size" in node and node["mbstd_group_size"] is None:
            raise UserError("its discriminator looks at whole batches, which the official layout cannot hold")
    sizes = {kind: official_sizes(node) for kind, node in pretrained.config.items()}
    networks = {"G": pretrained.generator, "Gs": pretrained.generator_ema}
    g, gs = (net and whole_generator(name, net, sizes["generator"]) for name, net in networks.items())
    d = pretrained.discriminator and whole_discriminator(pretrained.discriminator, sizes["discriminator"])
    return dumps((g, d, gs))


def official_sizes(node: dict[str, Any]) -> dict[str, Any]:
    default = {"mapping_fmaps": node["w_dim"]} if "w_dim" in node else {}
    given = {SIZES[name]: value for name, value in node.items() if name in SIZES and value is not None}
    return {"num_channels": 3, **default, **given}


def official_network(
    name: str, function: str, sizes: dict[str, Any], variables: list, components: dict[str, Any]
) -> Network:
    """A network in the form that the official loader reads."""
    made = Network()
    made.state = {
        "version": 3,
        "name": name,
        "static_kwargs": sizes,
        "components": components,
        "build_module_src": BUILD_SOURCE,
        "build_func_name": function,
        "variables": variables,
    }
    return made


def whole_generator(name: str, generator: Generator, sizes: dict[str, Any]) -> Network:
    """G or Gs with its two components."""
    state = generator.state_dict()
    names = ["LabelConcat/weight"] if generator.num_classes else []
    names += [f"Dense{index}/{leaf}" for index in range(generator.mapping.depth) for leaf in ("weight", "bias")]
    mapping = named_arrays(names, state, "G_mapping/")
    synthesis = [LOD, *named_arrays(synthesis_names(generator), state, "G_synthesis/")]
    broadcast = {"dlatent_broadcast": generator.num_layers}
    parts = {
        "synthesis": official_network("G_synthesis", "G_synthesis", sizes, synthesis, {}),
        "mapping": official_network("G_mapping", "G_mapping", sizes | broadcast, mapping, {}),
    }
    own = [LOD, ("dlatent_avg", to_tensorflow("dlatent_avg", state["w_avg"]))]
    return official_network(name, "G_style", sizes, own, parts)


def synthesis_names(generator: Generator) -> list[str]:
    """The official names of the synthesis network's variables, in the order of their creation."""
    top = generator.resolution.bit_length() - 1
    names = [f"noise{layer}" for layer in range(generator.num_layers)]
    for log2 in range(2, top + 1):
        for layer in ("Const", "Conv") if log2 == 2 else ("Conv0_up", "Conv1"):
            absent = "weight" if layer == "Const" else "const"
            names += [f"{block_name(log2)}/{layer}/{leaf}" for leaf in LEAVES if leaf != absent]
        names += [f"ToRGB_lod{top - log2}/{leaf}" for leaf in ("weight", "bias")]
    return names


def whole_discriminator(discriminator: Discriminator, sizes: dict[str, Any]) -> Network:
    """D, which has no components."""
    top = discriminator.resolution.bit_length() - 1
    layers = []
    for log2 in range(top, 1, -1):
        own = ("Conv0", "Conv1_down") if log2 > 2 else ("Conv", "Dense0", "Dense1")
        layers += [f"FromRGB_lod{top - log2}", *(f"{block_name(log2)}/{layer}" for layer in own)]
    names = [f"{layer}/{leaf}" for layer in layers for leaf in ("weight", "bias")]
    return official_network("D", "D_basic", sizes, [LOD, *named_arrays(names, discriminator.state_dict())], {})


def named_arrays(names: list[str], state: dict[str, Tensor], prefix: str = "") -> list[tuple[str, np.ndarray]]:
    """Official names without their prefix -> (name, array)."""
    return [(name, to_tensorflow(name, state[our_name(prefix + name)])) for name in names]


def to_tensorflow(name: str, value: Tensor) -> np.ndarray:
    """The inverse of `official.to_torch`; constants, noise and LabelConcat are stored alike in both."""
    if not name.endswith(("/const", "LabelConcat/weight")) and not name.startswith("noise"):
        value = value.permute(2, 3, 1, 0) if value.ndim == 4 else value.T if value.ndim == 2 else value
    return value.detach().cpu().float().contiguous().numpy()
