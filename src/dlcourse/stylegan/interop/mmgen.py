"""mmgeneration's .pth: {"meta", "state_dict"} with generator, discriminator and generator_ema.

Its images are BGR; here they become RGB. Its gains are not the official ones and are converted; its graph is
`variants.mmgen_generator` and `variants.mmgen_discriminator`. It has one noise factor per layer, here repeated for each
channel; further training may make them differ.
"""

from typing import Any

from torch import Tensor

from dlcourse.stylegan.interop.networks import ForeignCheckpoint, variant
from dlcourse.stylegan.interop.renaming import (
    Rule,
    Weights,
    as_rows,
    blocks_above,
    is_variables,
    layer_rules,
    single_number,
    starting_with,
    style_rules,
    styled_layer,
    times_gain,
    with_flipped_kernels,
    with_zero_const_bias,
)
from dlcourse.stylegan.networks.layers import GAIN, block_name

ROLES = ("generator", "discriminator", "generator_ema")
CONST, SCORE = "convs.0.conv1.input", "final_linear.0.linear.weight_orig"


def networks_of(content: Any) -> dict[str, dict[str, Any]]:
    """Role -> variables of the networks in a file."""
    variables = content.get("state_dict", content) if is_variables(content) else {}
    named = {role: starting_with(f"{role}.", variables) for role in ROLES} if is_variables(variables) else {}
    return {role: own for role, own in named.items() if CONST in own or SCORE in own}


def convert(content: Any, name: str) -> ForeignCheckpoint | None:
    """Rename the variables of mmgeneration's networks to ours, with RGB in place of BGR; None for other content."""
    networks = networks_of(content)
    if not networks:
        return None
    found = ForeignCheckpoint(
        "mmgeneration checkpoint (BGR turned to RGB)",
        variant("mmgen_generator"),
        variant("mmgen_discriminator"),
        lod_of(content),
    )
    for role, variables in networks.items():
        is_generator = CONST in variables
        weights = found.take(role, variables, (generator_rules if is_generator else discriminator_rules)(variables))
        found.networks[role] = completed(weights) if is_generator else weights
    return found


def lod_of(content: Any) -> float:
    """The level of detail at the end of training, from its resolution and the weight of the transition to that."""
    variables = content.get("state_dict", content)
    scale, weight = (single_number(variables.get(key)) for key in ("_curr_scale_int", "_curr_transition_weight"))
    noises = [value for key, value in variables.items() if ".injected_noise_" in key and isinstance(value, Tensor)]
    sizes = [value.shape[-1] for value in noises if value.ndim == 4]
    if scale is None or weight is None or not sizes or not 4 <= scale <= max(sizes):
        return 0.0
    whole = (max(sizes) // int(scale)).bit_length() - 1
    return whole + (1 - weight if scale > 4 else 0.0)


def completed(weights: Weights) -> Weights:
    """The weights with flipped kernels, one noise factor per channel, and a bias of the constant."""
    weights = with_flipped_kernels(with_zero_const_bias(weights), are_flipped=False)
    for name in [name for name in weights if name.endswith("noise.weight") and weights[name].numel() == 1]:
        style = weights.get(name.replace("noise.weight", "style_mod.bias"))
        weights[name] = weights[name].repeat(0 if style is None else len(style) // 2)
    return weights


def generator_rules(variables: dict[str, Any]) -> list[Rule]:
    """Block b belongs to resolution 4 * 2^b."""
    top = blocks_above(variables, r"convs\.(\d+)\..*")
    return [
        Rule(
            r"style_mapping\.(\d+)\.linear\.weight_orig",
            lambda m: f"mapping.dense{int(m[1]) - 1}.weight",
            lambda weight: weight / GAIN,  # the gain is 1 there and sqrt(2) here
        ),
        Rule(r"style_mapping\.(\d+)\.bias", lambda m: f"mapping.dense{int(m[1]) - 1}.bias"),
        Rule(r"convs\.0\.conv1\.input", lambda m: "synthesis.4x4.const.const"),
        *layer_rules(r"convs\.(\d+)\.conv1\.0\.conv\.", lambda m: styled_layer(m[1], "1")),
        *layer_rules(r"convs\.(\d+)\.conv2\.conv\.", lambda m: styled_layer(m[1], "2")),
        Rule(r"convs\.(\d+)\.noise_injector([12])\.weight", lambda m: f"{styled_layer(m[1], m[2])}.noise.weight"),
        *style_rules(r"convs\.(\d+)\.adain([12])\.affine\."),
        *layer_rules(
            r"to_rgbs\.(\d+)\.conv\.",
            lambda m: f"synthesis.to_rgb_lod{top - int(m[1])}",
            lambda weight: times_gain(weight.flip(0)),  # to RGB
            lambda bias: bias.flip(0),
        ),
        Rule(r"injected_noise_(\d+)", lambda m: f"synthesis.noise{m[1]}"),
        Rule(r"convs\.\d+\.conv1\.1\.kernel", None),
    ]


def discriminator_rules(variables: dict[str, Any]) -> list[Rule]:
    """Block i belongs to resolution R / 2^i; the last one is that of 4x4."""
    top = blocks_above(variables, r"convs\.(\d+)\..*")
    last = rf"convs\.{top}"
    block = lambda index: block_name(top - int(index) + 2)
    return [
        *layer_rules(r"from_rgb\.(\d+)\.conv\.", lambda m: f"from_rgb_lod{m[1]}", lambda weight: weight.flip(1)),  # RGB
        *layer_rules(last + r"\.0\.conv\.", lambda m: "4x4.conv"),
        *layer_rules(last + r"\.1\.conv\.", lambda m: "4x4.dense0", as_rows),
        Rule(r"final_linear\.0\.linear\.weight_orig", lambda m: "4x4.dense1.weight"),
        Rule(r"final_linear\.0\.bias", lambda m: "4x4.dense1.bias"),
        *layer_rules(r"convs\.(\d+)\.0\.conv\.", lambda m: f"{block(m[1])}.conv0"),
        *layer_rules(r"convs\.(\d+)\.2\.conv\.", lambda m: f"{block(m[1])}.conv1_down"),
        Rule(r"convs\.\d+\.1\.kernel", None),
    ]
