"""rosinality's style-based-gan-pytorch: train_step-K.model with all networks, or NNNNNN.model with the average only.

Its networks always have the nine stages from 4x4 to 1024x1024, and no file says how many were trained. Its gains are
converted; its graph is `variants.rosinality_generator` and `variants.rosinality_discriminator`.
"""

import re
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
    style_rules,
    styled_layer,
    times_gain,
    with_zero_const_bias,
    without_module,
)
from dlcourse.stylegan.networks.layers import block_name

ROLES = {"generator": "generator", "discriminator": "discriminator", "g_running": "generator_ema"}
CONST, SCORE = "generator.progression.0.conv1.input", "linear.linear.weight_orig"
LR_MULTIPLIER = 0.01  # of the mapping: a factor on the weights here, on the learning rate there


def networks_of(content: Any) -> dict[str, dict[str, Any]]:
    """Role -> variables of the networks in a file."""
    if not is_variables(content):
        return {}
    named = {ROLES[name]: content[name] for name in ROLES if name in content} or {"generator_ema": content}
    named = {role: without_module(own) for role, own in named.items() if is_variables(own)}
    return {role: own for role, own in named.items() if CONST in own or SCORE in own}


def convert(content: Any, name: str) -> ForeignCheckpoint | None:
    """Rename the variables of rosinality's networks to ours; None for other content."""
    networks = networks_of(content)
    if not networks:
        return None
    has_linear_rgb = any("from_rgb.0.conv.weight_orig" in variables for variables in networks.values())
    options = {"rgb_is_linear": True} if has_linear_rgb else {}
    found = ForeignCheckpoint(
        "rosinality checkpoint (style-based-gan-pytorch)",
        variant("rosinality_generator"),
        variant("rosinality_discriminator", **options) | {"mbstd_group_size": None},
    )
    for role, variables in networks.items():
        rules = GENERATOR_RULES if CONST in variables else discriminator_rules(variables)
        found.networks[role] = with_zero_const_bias(found.take(role, variables, rules))
    found.trained_resolution = trained_resolution(networks, name)
    return found


def trained_resolution(networks: dict[str, dict[str, Any]], name: str) -> int | None:
    """The finest resolution trained: from K in the name, or the last ToRGB whose bias is not 0; None if all are 0."""
    step = re.match(r"train_step-(\d)\.", name)
    if step:
        return 4 * 2 ** int(step[1])
    trained = {
        int(match[1])
        for variables in networks.values()
        for key, value in variables.items()
        if (match := re.fullmatch(r"generator\.to_rgb\.(\d)\.conv\.bias", key)) and value.any()
    }
    return 4 * 2 ** max(trained) if trained else None


def noise_factors(value: Tensor) -> Tensor:
    """(1, C, 1, 1) with an equalized learning rate -> (C) without."""
    return value.flatten() * (2 / value.numel()) ** 0.5


def fused(value: Tensor) -> Tensor:
    """The kernel of a transposed convolution, (in, out, 3, 3), which is divided by 4 when it is used."""
    return value.transpose(0, 1) / 4


BLOCK = r"generator\.progression\.(\d)\."
COARSE, FINE = r"generator\.progression\.([1-4])\.", r"generator\.progression\.([5-8])\."  # fine: flipped kernels here
unscaled = lambda value: value / LR_MULTIPLIER
up_weight = lambda m: styled_layer(m[1], "1") + ".weight"
GENERATOR_RULES = [
    *layer_rules(r"style\.(\d+)\.linear\.", lambda m: f"mapping.dense{int(m[1]) // 2}", unscaled, unscaled),
    Rule(BLOCK + r"conv1\.input", lambda m: styled_layer(m[1], "1") + ".const"),
    Rule(COARSE + r"conv1\.1\.conv\.weight_orig", up_weight),
    Rule(FINE + r"conv1\.1\.conv\.weight_orig", up_weight, lambda kernel: kernel.flip(2, 3)),
    Rule(FINE + r"conv1\.0\.weight", up_weight, fused),
    Rule(COARSE + r"conv1\.0\.weight", up_weight, lambda kernel: fused(kernel).flip(2, 3)),
    Rule(BLOCK + r"conv1\.(?:1\.conv|0)\.bias", lambda m: styled_layer(m[1], "1") + ".bias"),
    *layer_rules(BLOCK + r"conv2\.conv\.", lambda m: styled_layer(m[1], "2")),
    Rule(BLOCK + r"noise([12])\.weight_orig", lambda m: styled_layer(m[1], m[2]) + ".noise.weight", noise_factors),
    *style_rules(BLOCK + r"adain([12])\.style\.linear\."),
    *layer_rules(r"generator\.to_rgb\.(\d)\.conv\.", lambda m: f"synthesis.to_rgb_lod{8 - int(m[1])}", times_gain),
    Rule(BLOCK + r"conv1\.[12]\.weight(?:_flip)?", None),  # blurs
]


def discriminator_rules(variables: Weights) -> list[Rule]:
    """Block i belongs to resolution 1024 / 2^i; the last one is that of 4x4."""
    top = blocks_above(variables, r"progression\.(\d+)\..*")
    block = lambda index: block_name(top - int(index) + 2)
    last, down = rf"progression\.{top}\.", r"progression\.(\d)\.conv2\.1\."
    return [
        *layer_rules(r"from_rgb\.(\d)\.(?:0\.)?conv\.", lambda m: f"from_rgb_lod{m[1]}"),
        *layer_rules(last + r"conv1\.0\.conv\.", lambda m: "4x4.conv"),
        *layer_rules(last + r"conv2\.0\.conv\.", lambda m: "4x4.dense0", as_rows),
        *layer_rules(r"linear\.linear\.", lambda m: "4x4.dense1", times_gain),
        *layer_rules(r"progression\.(\d)\.conv1\.0\.conv\.", lambda m: f"{block(m[1])}.conv0"),
        Rule(down + r"(?:conv\.weight_orig|weight)", lambda m: f"{block(m[1])}.conv1_down.weight"),
        Rule(down + r"(?:conv\.)?bias", lambda m: f"{block(m[1])}.conv1_down.bias"),
        Rule(r"progression\.\d\.conv2\.0\.weight(?:_flip)?", None),  # blurs
    ]
