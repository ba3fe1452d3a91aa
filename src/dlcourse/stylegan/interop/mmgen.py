"""mmgeneration's .pth: {"meta", "state_dict"} with generator, discriminator and generator_ema.

Its images are BGR; here they become RGB. Gains differ from the official ones and are converted; the rest of its
graph is `variants.mmgen_generator` and `variants.mmgen_discriminator`. Its one noise factor per layer is repeated for
all channels, which may part when training goes on.
"""

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
    single_number,
    starting_with,
    synthesis_layer,
    times_gain,
    with_flipped_kernels,
    with_zero_const_bias,
)
from dlcourse.stylegan.networks.layers import GAIN

ROLES = ("generator", "discriminator", "generator_ema")
CONST, SCORE = "convs.0.conv1.input", "final_linear.0.linear.weight_orig"


def networks_of(content: Any) -> dict[str, dict[str, Any]]:
    """Role -> variables, empty if there are none."""
    variables = content.get("state_dict", content) if is_variables(content) else {}
    named = {role: starting_with(f"{role}.", variables) for role in ROLES} if is_variables(variables) else {}
    return {role: own for role, own in named.items() if CONST in own or SCORE in own}


def recognises(content: Any) -> bool:
    return bool(networks_of(content))


def convert(content: Any, name: str) -> ForeignCheckpoint:
    """Our weights of mmgeneration's, with RGB in the place of BGR."""
    found = ForeignCheckpoint(
        "mmgeneration checkpoint (BGR turned to RGB)",
        {},
        {"parts": {"_target_": VARIANTS + "mmgen_generator"}},
        {"parts": {"_target_": VARIANTS + "mmgen_discriminator"}},
        lod_of(content),
    )
    for role, variables in networks_of(content).items():
        is_generator = CONST in variables
        weights = found.take(role, variables, (generator_rules if is_generator else discriminator_rules)(variables))
        found.networks[role] = completed(weights) if is_generator else weights
    return found


def lod_of(content: Any) -> float:
    """The level of detail of the training's last step, from its scale and the weight of the transition to it."""
    variables = content.get("state_dict", content)
    scale, weight = (single_number(variables.get(key)) for key in ("_curr_scale_int", "_curr_transition_weight"))
    noises = [value for key, value in variables.items() if ".injected_noise_" in key and isinstance(value, Tensor)]
    sizes = [value.shape[-1] for value in noises if value.ndim == 4]
    if scale is None or weight is None or not sizes or not 4 <= scale <= max(sizes):
        return 0.0
    whole = (max(sizes) // int(scale)).bit_length() - 1
    return whole + (1 - weight if scale > 4 else 0.0)


def completed(weights: Weights) -> Weights:
    """Kernels flipped, one noise factor per channel, and a bias of the constant."""
    weights = with_flipped_kernels(with_zero_const_bias(weights), are_turned=False)
    for name in [name for name in weights if name.endswith("noise.weight") and weights[name].numel() == 1]:
        style = weights.get(name.replace("noise.weight", "style_mod.bias"))
        weights[name] = weights[name].repeat(0 if style is None else len(style) // 2)
    return weights


def reversed_outputs(value: Tensor) -> Tensor:
    """The bias of ToRGB for RGB: (3)."""
    return value.flip(0)


def reversed_outputs_times_gain(value: Tensor) -> Tensor:
    """The weight of ToRGB for RGB: (3, C, 1, 1)."""
    return times_gain(value.flip(0))


def reversed_inputs(value: Tensor) -> Tensor:
    """The weight of FromRGB for RGB: (C, 3, 3, 3)."""
    return value.flip(1)


def mapping_gain(value: Tensor) -> Tensor:
    """The mapping's gain is 1, where ours is sqrt(2)."""
    return value / GAIN


def generator_rules(variables: dict[str, Any]) -> list[Rule]:
    """Block b belongs to resolution 4 * 2^b."""
    top = blocks_above(variables, r"convs\.(\d+)\..*")

    def layer(block: str, index: str) -> str:
        return synthesis_layer(2 * int(block) + int(index) - 1)

    def to_rgb(block: str) -> str:
        return f"synthesis.to_rgb_lod{top - int(block)}"

    return [
        Rule(
            r"style_mapping\.(\d+)\.linear\.weight_orig", lambda m: f"mapping.dense{int(m[1]) - 1}.weight", mapping_gain
        ),
        Rule(r"style_mapping\.(\d+)\.bias", lambda m: f"mapping.dense{int(m[1]) - 1}.bias"),
        Rule(r"convs\.0\.conv1\.input", lambda m: "synthesis.4x4.const.const"),
        Rule(r"convs\.(\d+)\.conv1\.0\.conv\.weight_orig", lambda m: f"{layer(m[1], '1')}.weight"),
        Rule(r"convs\.(\d+)\.conv1\.0\.conv\.bias", lambda m: f"{layer(m[1], '1')}.bias"),
        Rule(r"convs\.(\d+)\.conv2\.conv\.weight_orig", lambda m: f"{layer(m[1], '2')}.weight"),
        Rule(r"convs\.(\d+)\.conv2\.conv\.bias", lambda m: f"{layer(m[1], '2')}.bias"),
        Rule(r"convs\.(\d+)\.noise_injector([12])\.weight", lambda m: f"{layer(m[1], m[2])}.noise.weight"),
        Rule(
            r"convs\.(\d+)\.adain([12])\.affine\.weight_orig",
            lambda m: f"{layer(m[1], m[2])}.style_mod.weight",
            times_gain,
        ),
        Rule(r"convs\.(\d+)\.adain([12])\.affine\.bias", lambda m: f"{layer(m[1], m[2])}.style_mod.bias", around_zero),
        Rule(r"to_rgbs\.(\d+)\.conv\.weight_orig", lambda m: f"{to_rgb(m[1])}.weight", reversed_outputs_times_gain),
        Rule(r"to_rgbs\.(\d+)\.conv\.bias", lambda m: f"{to_rgb(m[1])}.bias", reversed_outputs),
        Rule(r"injected_noise_(\d+)", lambda m: f"synthesis.noise{m[1]}"),
        Rule(r"convs\.\d+\.conv1\.1\.kernel", None),
    ]


def discriminator_rules(variables: dict[str, Any]) -> list[Rule]:
    """Block i belongs to resolution R / 2^i; the last one is that of 4x4."""
    top = blocks_above(variables, r"convs\.(\d+)\..*")

    def layer(block: str, index: str) -> str:
        resolution = 4 * 2 ** (top - int(block))
        return f"{resolution}x{resolution}.{ {'0': 'conv0', '2': 'conv1_down'}[index] }"

    last = rf"convs\.{top}"
    return [
        Rule(r"from_rgb\.(\d+)\.conv\.weight_orig", lambda m: f"from_rgb_lod{m[1]}.weight", reversed_inputs),
        Rule(r"from_rgb\.(\d+)\.conv\.bias", lambda m: f"from_rgb_lod{m[1]}.bias"),
        Rule(last + r"\.0\.conv\.weight_orig", lambda m: "4x4.conv.weight"),
        Rule(last + r"\.0\.conv\.bias", lambda m: "4x4.conv.bias"),
        Rule(last + r"\.1\.conv\.weight_orig", lambda m: "4x4.dense0.weight", as_rows),
        Rule(last + r"\.1\.conv\.bias", lambda m: "4x4.dense0.bias"),
        Rule(r"final_linear\.0\.linear\.weight_orig", lambda m: "4x4.dense1.weight"),
        Rule(r"final_linear\.0\.bias", lambda m: "4x4.dense1.bias"),
        Rule(r"convs\.(\d+)\.([02])\.conv\.weight_orig", lambda m: f"{layer(m[1], m[2])}.weight"),
        Rule(r"convs\.(\d+)\.([02])\.conv\.bias", lambda m: f"{layer(m[1], m[2])}.bias"),
        Rule(r"convs\.\d+\.1\.kernel", None),
    ]
