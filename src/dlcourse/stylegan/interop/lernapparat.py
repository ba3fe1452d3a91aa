"""lernapparat's .pt of 1024x1024: a state dict of modules, or the dump of official variables that it was made from.

The modules are the official graph with another epsilon (`variants.huangzh13_generator`). Neither form has noise images
or an average of w, and the modules have no RGB layers below the full resolution.
"""

from typing import Any

from dlcourse.stylegan.interop import huangzh13, official
from dlcourse.stylegan.interop.networks import ForeignCheckpoint, variant
from dlcourse.stylegan.interop.renaming import Rule, is_variables, without_module

CONST, SCORE, DUMPED = "g_synthesis.blocks.4x4.const", "4x4.dense1.weight", "G_synthesis/4x4/Const/const"


def is_dump(content: Any) -> bool:
    """Whether something is the variables of G, D and Gs under their official names."""
    is_triple = isinstance(content, tuple | list) and len(content) == 3
    return is_triple and all(map(is_variables, content)) and DUMPED in content[2]


def convert(content: Any, name: str) -> ForeignCheckpoint | None:
    """Rename the variables of lernapparat's networks to ours; None for other content."""
    if is_dump(content):
        found = ForeignCheckpoint("lernapparat's dump of official variables")
        for role, variables in zip(official.ROLES, content, strict=True):
            found.take(role, variables, official.RULES)
        return found
    variables = without_module(content) if is_variables(content) else {}
    if CONST not in variables and not {SCORE, "fromrgb.weight"} <= variables.keys():
        return None
    found = ForeignCheckpoint("lernapparat checkpoint", variant("huangzh13_generator"))
    found.take("generator_ema" if CONST in variables else "discriminator", variables, RULES)
    return found


RULES = (
    Rule(r"g_mapping\.(dense\d+\.(?:weight|bias))", lambda m: f"mapping.{m[1]}"),
    *huangzh13.leaf_rules(r"g_synthesis\.blocks\.(4x4)\.", "synthesis.{}".format, "const", "conv"),
    *huangzh13.leaf_rules(r"g_synthesis\.blocks\.(\d+x\d+)\.", "synthesis.{}".format, "conv0_up", "conv1"),
    Rule(r"g_synthesis\.torgb\.(weight|bias)", lambda m: f"synthesis.to_rgb_lod0.{m[1]}"),
    Rule(r"fromrgb\.(weight|bias)", lambda m: f"from_rgb_lod0.{m[1]}"),
    Rule(r"(\d+x\d+\.(?:conv0|conv1_down|conv|dense0|dense1)\.(?:weight|bias))", lambda m: m[1]),
    Rule(r".*\.kernel", None),
)
