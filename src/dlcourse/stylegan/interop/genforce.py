"""genforce's files: the official graph, with layers numbered from 0.

Its converter writes {"generator", "discriminator", "generator_smooth"}, its training {"models": the same, ...}.
"""

from typing import Any

from dlcourse.stylegan.interop.networks import ForeignCheckpoint
from dlcourse.stylegan.interop.renaming import (
    Rule,
    Weights,
    blocks_above,
    is_variables,
    single_number,
    synthesis_layer,
    without_module,
)
from dlcourse.stylegan.networks.layers import block_name

ROLES = {"generator": "generator", "discriminator": "discriminator", "generator_smooth": "generator_ema"}
FIRST = ("synthesis.layer0.const", "input0.weight")


def networks_of(content: Any) -> dict[str, Any]:
    """Role -> variables of the networks in a file."""
    models = content.get("models", content) if is_variables(content) else {}
    named = {ROLES[name]: models[name] for name in ROLES if name in models} if is_variables(models) else {}
    return {role: without_module(variables) for role, variables in named.items() if is_variables(variables)}


def convert(content: Any, name: str) -> ForeignCheckpoint | None:
    """Rename the variables of genforce's networks to ours; None for other content."""
    networks, found = networks_of(content), ForeignCheckpoint("genforce checkpoint")
    if not any(first in variables for variables in networks.values() for first in FIRST):
        return None
    for role, variables in networks.items():
        is_discriminator = role == "discriminator"
        found.take(role, variables, (discriminator_rules if is_discriminator else generator_rules)(variables))
        lod = single_number(variables.get("lod" if is_discriminator else "synthesis.lod"))
        found.lod = max(found.lod, lod or 0.0)
    return found


def generator_rules(variables: Weights) -> list[Rule]:
    """Layers 2 b and 2 b + 1 belong to resolution 4 * 2^b; output b is its ToRGB."""
    top = blocks_above(variables, r"synthesis\.layer(\d+)\.bias") // 2
    own = r"synthesis\.layer(\d+)\."
    return [
        Rule(r"synthesis\.lod", None),
        Rule(r"(mapping\.dense\d+\.(?:weight|bias))", lambda m: m[1]),
        Rule(r"mapping\.label_weight", lambda m: "mapping.label_concat.weight"),
        Rule(r"truncation\.w_avg", lambda m: "w_avg"),
        Rule(own + r"(const|weight|bias)", lambda m: f"{synthesis_layer(int(m[1]))}.{m[2]}"),
        Rule(own + r"apply_noise\.weight", lambda m: f"{synthesis_layer(int(m[1]))}.noise.weight"),
        Rule(own + r"apply_noise\.noise", lambda m: f"synthesis.noise{m[1]}"),
        Rule(own + r"style\.(weight|bias)", lambda m: f"{synthesis_layer(int(m[1]))}.style_mod.{m[2]}"),
        Rule(own + r"blur\.kernel", None),
        Rule(
            r"synthesis\.output(\d+)\.(weight|bias)",
            lambda m: f"synthesis.to_rgb_lod{top - int(m[1])}.{m[2]}",
        ),
    ]


def discriminator_rules(variables: Weights) -> list[Rule]:
    """Layers 2 i and 2 i + 1 belong to resolution R / 2^i; the last three are those of 4x4."""
    top = (blocks_above(variables, r"layer(\d+)\.bias") - 2) // 2

    def layer(index: int) -> str:
        last = {2 * top: "4x4.conv", 2 * top + 1: "4x4.dense0", 2 * top + 2: "4x4.dense1"}
        return last.get(index, f"{block_name(top - index // 2 + 2)}.{('conv0', 'conv1_down')[index % 2]}")

    return [
        Rule(r"lod", None),
        Rule(r"input(\d+)\.(weight|bias)", lambda m: f"from_rgb_lod{m[1]}.{m[2]}"),
        Rule(r"layer(\d+)\.(weight|bias)", lambda m: f"{layer(int(m[1]))}.{m[2]}"),
        Rule(r"layer(\d+)\.blur\.kernel", None),
    ]
