"""huangzh13's StyleGAN.pytorch: bare state dicts GAN_GEN_*, GAN_GEN_SHADOW_* (the average) and GAN_DIS_*.

The generator is the official graph with another epsilon (`variants.huangzh13_generator`), the discriminator has no
rectifier after FromRGB (`variants.huangzh13_discriminator`).
"""

import re
from typing import Any

from torch import Tensor

from dlcourse.errors import UserError
from dlcourse.stylegan.interop.networks import ForeignCheckpoint, variant
from dlcourse.stylegan.interop.renaming import Rule, blocks_above, is_variables, without_module
from dlcourse.stylegan.networks.layers import block_name

CONST, SCORE = "g_synthesis.init_block.const", "final_block.dense1.weight"


def convert(content: Any, name: str) -> ForeignCheckpoint | None:
    """Rename the variables of huangzh13's network to ours; None for other content.

    UserError for a conditional discriminator, which has another graph.
    """
    variables = without_module(content) if is_variables(content) else {}
    if CONST not in variables and SCORE not in variables:
        return None
    found = ForeignCheckpoint(
        "huangzh13 checkpoint (StyleGAN.pytorch)", variant("huangzh13_generator"), variant("huangzh13_discriminator")
    )
    if any(key.startswith("embeddings.") for key in variables):
        raise UserError("a conditional discriminator of huangzh13's, whose graph is not supported")
    role = "generator" if CONST in variables else "discriminator"
    if "SHADOW" in name and role == "generator":
        role, found.has_old_average = "generator_ema", True
        found.notes.append("an averaged generator's average of w is an old one; name GAN_GEN_*, too, to take its")
    average = variables.get("truncation.avg_latent")
    if isinstance(average, Tensor) and not average.any():
        del variables["truncation.avg_latent"]  # never tracked
    found.take(role, variables, (discriminator_rules if role == "discriminator" else generator_rules)(variables))
    depth = re.search(r"_(\d)_\d+\.", name)  # log2 of the trained resolution, less 2
    top = blocks_above(variables, r"(?:g_synthesis\.)?blocks\.(\d+)\..*") + 1
    found.lod = max(top - int(depth[1]), 0.0) if depth else 0.0
    return found


def generator_rules(variables: dict[str, Any]) -> list[Rule]:
    """Block i belongs to resolution 8 * 2^i; to_rgb d to 4 * 2^d."""
    top = blocks_above(variables, r"g_synthesis\.blocks\.(\d+)\..*") + 1
    block = lambda index: f"synthesis.{block_name(int(index) + 3)}"
    return [
        Rule(r"g_mapping\.map\.(dense\d+\.(?:weight|bias))", lambda m: f"mapping.{m[1]}"),
        Rule(r"truncation\.avg_latent", lambda m: "w_avg"),
        Rule(r"class_embedding\.weight", lambda m: "mapping.label_concat.weight"),
        *leaf_rules(r"g_synthesis\.init_block\.()", lambda index: "synthesis.4x4", "const", "conv"),
        *leaf_rules(r"g_synthesis\.blocks\.(\d+)\.", block, "conv0_up", "conv1"),
        Rule(r"g_synthesis\.to_rgb\.(\d+)\.(weight|bias)", lambda m: f"synthesis.to_rgb_lod{top - int(m[1])}.{m[2]}"),
        Rule(r"g_synthesis\.blocks\.\d+\.conv0_up\.intermediate\.kernel", None),
    ]


def leaf_rules(prefix: str, block: Any, first: str, second: str) -> list[Rule]:
    """The two layers of a resolution; `prefix` has one group, from which `block` makes our name of the block."""
    layer = lambda m: f"{block(m[1])}.{first if m[2] == '1' else second}"
    return [
        Rule(prefix + r"(const|bias)", lambda m: f"{block(m[1])}.{first}.{m[2]}"),
        Rule(prefix + r"(conv|conv0_up|conv1)\.(weight|bias)", lambda m: f"{block(m[1])}.{m[2]}.{m[3]}"),
        Rule(prefix + r"epi([12])\.top_epi\.noise\.weight", lambda m: f"{layer(m)}.noise.weight"),
        Rule(prefix + r"epi([12])\.style_mod\.lin\.(weight|bias)", lambda m: f"{layer(m)}.style_mod.{m[3]}"),
    ]


def discriminator_rules(variables: dict[str, Any]) -> list[Rule]:
    """Block i belongs to resolution R / 2^i."""
    top = blocks_above(variables, r"blocks\.(\d+)\..*") + 3  # log2(R)
    block = lambda index: block_name(top - int(index))
    return [
        Rule(r"from_rgb\.(\d+)\.(weight|bias)", lambda m: f"from_rgb_lod{m[1]}.{m[2]}"),
        Rule(r"blocks\.(\d+)\.((?:conv0|conv1_down)\.(?:weight|bias))", lambda m: f"{block(m[1])}.{m[2]}"),
        Rule(r"final_block\.((?:conv|dense0|dense1)\.(?:weight|bias))", lambda m: f"4x4.{m[1]}"),
        Rule(r".*\.kernel", None),
    ]
