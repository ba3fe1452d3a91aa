"""The official pickles, karras2019stylegan-*.pkl and network-snapshot-*.pkl: (G, D, Gs).

Our weights are the official ones under their own names in lower case; convolutions are permuted, linear layers
transposed, see `Generator` and `Discriminator`.
"""

import re
from typing import Any

import torch
from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.stylegan.interop.networks import ForeignCheckpoint
from dlcourse.stylegan.interop.renaming import Rule, single_number, with_flipped_kernels
from dlcourse.stylegan.interop.unpickle import Array as StoredArray
from dlcourse.stylegan.interop.unpickle import Network

ROLES = ("generator", "discriminator", "generator_ema")
# options of the official networks that change the graph but no shape, with the values that are read here
GRAPH_OPTIONS = {
    "normalize_latents": (True,),
    "nonlinearity": ("lrelu",),
    "mapping_nonlinearity": ("lrelu",),
    "use_wscale": (True,),
    "use_styles": (True,),
    "use_noise": (True,),
    "use_pixel_norm": (False,),
    "use_instance_norm": (True,),
    "const_input_layer": (True,),
    "blur_filter": ([1, 2, 1],),
    "num_channels": (3,),
    "fused_scale": ("auto", True, False),
    "mbstd_num_features": (1,),
}


def convert(content: Any, name: str) -> ForeignCheckpoint | None:
    """Rename the variables of an official pickle's networks to ours; None for other content."""
    networks = content if isinstance(content, tuple | list) else [content]
    if not any(isinstance(network, Network) for network in networks):
        return None
    if len(networks) not in (1, 3):
        raise UserError(f"a pickle of {len(networks)} networks; StyleGAN's have three")
    found = ForeignCheckpoint("official StyleGAN pickle")
    for place, network in enumerate(networks):
        if network is None:
            continue
        if not isinstance(network, Network):
            raise UserError(f"a pickle with a {type(network).__name__} among its networks")
        variables = variables_of(network, "")
        found.lod = max(found.lod, single_number(variables.get("lod")) or 0.0)
        is_generator = any(key.startswith("G_synthesis/") for key in variables)
        alone = "generator_ema" if is_generator else "discriminator"
        role = ROLES[place] if len(networks) == 3 else alone
        weights, options = found.take(role, variables, RULES), options_of(network)
        read_options(found, is_generator, options)
        fused_scale = options.get("fused_scale", "auto")
        if fused_scale != "auto":
            found.networks[role] = with_flipped_kernels(weights, are_flipped=bool(fused_scale))
    return found


def variables_of(network: Network, prefix: str) -> dict[str, Tensor]:
    """The variables of a network and of its components, by their full official names."""
    variables: dict[str, Tensor] = {}
    pairs, components = network.state.get("variables", []), network.state.get("components", {})
    if not isinstance(pairs, list) or not isinstance(components, dict):
        raise UserError("a network pickle without variables")
    for pair in pairs:
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise UserError("a network pickle without variables")
        variables[prefix + pair[0]] = tensor_of(*pair)
    for component in components.values():
        if not isinstance(component, Network):
            raise UserError("a network pickle with a component that is no network")
        variables |= variables_of(component, f"{component.state.get('name')}/")
    return variables


def tensor_of(name: str, value: Any) -> Tensor:
    """The value of a variable, an array or a Python number, as a tensor."""
    if isinstance(value, StoredArray):
        return torch.from_numpy(value.array)
    if isinstance(value, int | float):
        return torch.tensor(float(value))
    raise UserError(f"a network pickle whose {name} is no array")


def options_of(network: Network) -> dict[str, Any]:
    """The options that a network and its components were made with."""
    options: dict[str, Any] = {}
    for component in network.state.get("components", {}).values():
        options |= options_of(component)
    own = network.state.get("static_kwargs", {})
    return options | (own if isinstance(own, dict) else {})


def read_options(found: ForeignCheckpoint, is_generator: bool, options: dict[str, Any]) -> None:
    """Take the options that shapes do not tell; UserError for those that make another graph."""
    for name, values in GRAPH_OPTIONS.items():
        if name in options and options[name] not in values:
            raise UserError(f"an official network with {name}={options[name]!r}, which is not supported")
    if is_generator and isinstance(options.get("mapping_lrmul"), float):
        found.generator_options["mapping_lr_multiplier"] = options["mapping_lrmul"]
    group_size = options.get("mbstd_group_size", 4)
    if not is_generator and isinstance(group_size, int) and group_size > 1 and group_size != 4:
        found.discriminator_options["mbstd_group_size"] = group_size


# --- names ------------------------------------------------------------------------------------------------------


def our_name(official: str) -> str:
    """`G_synthesis/8x8/Conv0_up/StyleMod/bias` -> `synthesis.8x8.conv0_up.style_mod.bias`."""
    words = re.sub("(?<=[a-z])(?=[A-Z])", "_", official.replace("G_", ""))  # StyleMod -> Style_Mod
    return words.lower().replace("/", ".")


def to_torch(value: Tensor) -> Tensor:
    """Kernels from (height, width, in, out) to (out, in, height, width), matrices transposed, others unchanged."""
    return value.permute(3, 2, 0, 1) if value.ndim == 4 else value.T if value.ndim == 2 else value


LAYER = r"(?:Const|Conv|Conv0_up|Conv1|Conv0|Conv1_down|Dense[01])"
RULES = (
    Rule(r"(?:.*/)?lod", None),
    Rule(r"dlatent_avg", lambda match: "w_avg"),
    Rule(r"G_synthesis/(?:noise\d+|4x4/Const/const)", lambda match: our_name(match[0])),
    Rule(r"G_mapping/LabelConcat/weight", lambda match: our_name(match[0])),
    Rule(r"G_mapping/Dense\d+/(?:weight|bias)", lambda match: our_name(match[0]), to_torch),
    Rule(rf"G_synthesis/\d+x\d+/{LAYER}/(?:(?:Noise|StyleMod)/)?(?:weight|bias)", lambda m: our_name(m[0]), to_torch),
    Rule(r"(?:G_synthesis/ToRGB|FromRGB)_lod\d+/(?:weight|bias)", lambda match: our_name(match[0]), to_torch),
    Rule(rf"\d+x\d+/{LAYER}/(?:weight|bias)", lambda match: our_name(match[0]), to_torch),
)
