"""rosinality's style-based-gan-pytorch: train_step-K.model with all networks, or NNNNNN.model with the average only.

Its networks always have the nine stages from 4x4 to 1024x1024, however far training went, and no file says how far.
Gains are converted; the rest of its graph is `variants.rosinality_generator` and `.rosinality_discriminator`.
"""

import re
from typing import Any

from torch import Tensor

from dlcourse.stylegan.interop.networks import VARIANTS, ForeignCheckpoint
from dlcourse.stylegan.interop.renaming import (
    Rule,
    Weights,
    around_zero,
    as_rows,
    blocks_above,
    is_variables,
    synthesis_layer,
    times_gain,
    with_zero_const_bias,
    without_module,
)

ROLES = {"generator": "generator", "discriminator": "discriminator", "g_running": "generator_ema"}
CONST, SCORE = "generator.progression.0.conv1.input", "linear.linear.weight_orig"
LR_MULTIPLIER = 0.01  # of the mapping: here in the weights, there in the optimizer


def networks_of(content: Any) -> dict[str, dict[str, Any]]:
    """Role -> variables, empty if there are none."""
    if not is_variables(content):
        return {}
    named = {ROLES[name]: content[name] for name in ROLES if name in content} or {"generator_ema": content}
    named = {role: without_module(own) for role, own in named.items() if is_variables(own)}
    return {role: own for role, own in named.items() if CONST in own or SCORE in own}


def recognises(content: Any) -> bool:
    return bool(networks_of(content))


def convert(content: Any, name: str) -> ForeignCheckpoint:
    """Rename the variables of rosinality's networks to ours."""
    networks = networks_of(content)
    has_linear_rgb = any("from_rgb.0.conv.weight_orig" in variables for variables in networks.values())
    parts: dict[str, Any] = {"_target_": VARIANTS + "rosinality_discriminator"}
    found = ForeignCheckpoint(
        "rosinality checkpoint (style-based-gan-pytorch)",
        {},
        {"parts": {"_target_": VARIANTS + "rosinality_generator"}},
        {"parts": parts | ({"rgb_is_linear": True} if has_linear_rgb else {}), "mbstd_group_size": None},
    )
    for role, variables in networks.items():
        rules = GENERATOR_RULES if CONST in variables else discriminator_rules(variables)
        found.networks[role] = with_zero_const_bias(found.take(role, variables, rules))
    found.trained_resolution = trained_resolution(networks, name)
    return found


def trained_resolution(networks: dict[str, dict[str, Any]], name: str) -> int | None:
    """How far training went: train_step-K in the name, or the last ToRGB whose bias has left 0; None if none has."""
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


def mapping_multiplier(value: Tensor) -> Tensor:
    """What the multiplier of our mapping takes away."""
    return value / LR_MULTIPLIER


def noise_factors(value: Tensor) -> Tensor:
    """(1, C, 1, 1) with its own equalized learning rate -> (C)."""
    return value.flatten() * (2 / value.numel()) ** 0.5


def fused(value: Tensor) -> Tensor:
    """The kernel of a transposed convolution, (in, out, 3, 3), which is divided by 4 when it is used."""
    return value.transpose(0, 1) / 4


def fused_and_turned(value: Tensor) -> Tensor:
    """The same below 128x128, where ours are not flipped."""
    return fused(value).flip(2, 3)


def flipped(value: Tensor) -> Tensor:
    """A plain kernel from 128x128 on, where ours are flipped."""
    return value.flip(2, 3)


def layer(block: str, index: str) -> str:
    """Layer 1 or 2 of block b: resolution 4 * 2^b."""
    return synthesis_layer(2 * int(block) + int(index) - 1)


def to_rgb(block: str) -> str:
    """ToRGB of block b, of nine."""
    return f"synthesis.to_rgb_lod{8 - int(block)}"


OWN = r"generator\.progression\.(\d)\."
GENERATOR_RULES = [
    Rule(r"style\.(\d+)\.linear\.weight_orig", lambda m: f"mapping.dense{int(m[1]) // 2}.weight", mapping_multiplier),
    Rule(r"style\.(\d+)\.linear\.bias", lambda m: f"mapping.dense{int(m[1]) // 2}.bias", mapping_multiplier),
    Rule(OWN + r"conv1\.input", lambda m: f"{layer(m[1], '1')}.const"),
    Rule(r"generator\.progression\.([1-4])\.conv1\.1\.conv\.weight_orig", lambda m: f"{layer(m[1], '1')}.weight"),
    Rule(
        r"generator\.progression\.([5-8])\.conv1\.1\.conv\.weight_orig", lambda m: f"{layer(m[1], '1')}.weight", flipped
    ),
    Rule(r"generator\.progression\.([5-8])\.conv1\.0\.weight", lambda m: f"{layer(m[1], '1')}.weight", fused),
    Rule(
        r"generator\.progression\.([1-4])\.conv1\.0\.weight", lambda m: f"{layer(m[1], '1')}.weight", fused_and_turned
    ),
    Rule(OWN + r"conv1\.(?:1\.conv|0)\.bias", lambda m: f"{layer(m[1], '1')}.bias"),
    Rule(OWN + r"conv2\.conv\.weight_orig", lambda m: f"{layer(m[1], '2')}.weight"),
    Rule(OWN + r"conv2\.conv\.bias", lambda m: f"{layer(m[1], '2')}.bias"),
    Rule(OWN + r"noise([12])\.weight_orig", lambda m: f"{layer(m[1], m[2])}.noise.weight", noise_factors),
    Rule(
        OWN + r"adain([12])\.style\.linear\.weight_orig", lambda m: f"{layer(m[1], m[2])}.style_mod.weight", times_gain
    ),
    Rule(OWN + r"adain([12])\.style\.linear\.bias", lambda m: f"{layer(m[1], m[2])}.style_mod.bias", around_zero),
    Rule(r"generator\.to_rgb\.(\d)\.conv\.weight_orig", lambda m: f"{to_rgb(m[1])}.weight", times_gain),
    Rule(r"generator\.to_rgb\.(\d)\.conv\.bias", lambda m: f"{to_rgb(m[1])}.bias"),
    Rule(OWN + r"conv1\.[12]\.weight(?:_flip)?", None),  # blurs
]


def discriminator_rules(variables: Weights) -> list[Rule]:
    """Block i belongs to resolution 1024 / 2^i; the last one is that of 4x4."""
    top = blocks_above(variables, r"progression\.(\d+)\..*")

    def down(block: str, kind: str) -> str:
        resolution = 4 * 2 ** (top - int(block))
        return f"{resolution}x{resolution}.{kind}"

    last = rf"progression\.{top}\."
    return [
        Rule(r"from_rgb\.(\d)\.(?:0\.)?conv\.weight_orig", lambda m: f"from_rgb_lod{m[1]}.weight"),
        Rule(r"from_rgb\.(\d)\.(?:0\.)?conv\.bias", lambda m: f"from_rgb_lod{m[1]}.bias"),
        Rule(last + r"conv1\.0\.conv\.weight_orig", lambda m: "4x4.conv.weight"),
        Rule(last + r"conv1\.0\.conv\.bias", lambda m: "4x4.conv.bias"),
        Rule(last + r"conv2\.0\.conv\.weight_orig", lambda m: "4x4.dense0.weight", as_rows),
        Rule(last + r"conv2\.0\.conv\.bias", lambda m: "4x4.dense0.bias"),
        Rule(r"linear\.linear\.weight_orig", lambda m: "4x4.dense1.weight", times_gain),
        Rule(r"linear\.linear\.bias", lambda m: "4x4.dense1.bias"),
        Rule(r"progression\.(\d)\.conv1\.0\.conv\.weight_orig", lambda m: f"{down(m[1], 'conv0')}.weight"),
        Rule(r"progression\.(\d)\.conv1\.0\.conv\.bias", lambda m: f"{down(m[1], 'conv0')}.bias"),
        Rule(
            r"progression\.(\d)\.conv2\.1\.(?:conv\.weight_orig|weight)", lambda m: f"{down(m[1], 'conv1_down')}.weight"
        ),
        Rule(r"progression\.(\d)\.conv2\.1\.(?:conv\.)?bias", lambda m: f"{down(m[1], 'conv1_down')}.bias"),
        Rule(r"progression\.\d\.conv2\.0\.weight(?:_flip)?", None),  # blurs
    ]
