"""Checkpoints in other implementations' layouts, made of the arrays of the official fixture."""

import pickle
import re
import sys
import types
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).parents[1] / "data"
TRAP = "raise RuntimeError('the source in a pickle must not be run')\n"


def arrays(name: str) -> dict[str, Tensor]:
    with np.load(DATA / name) as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored}


def assert_close(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Largest error relative to the largest expected value."""
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance * expected.abs().max()


def official_weights() -> dict[str, dict[str, Tensor]]:
    """Our weights of the fixture: an averaged generator G and a discriminator D."""
    stored = arrays("stylegan_official_tiny.npz")
    return {kind: {n[2:]: v for n, v in stored.items() if n.startswith(f"{kind}.")} for kind in ("G", "D")}


def official_name(name: str) -> str:
    name = name.replace("to_rgb", "ToRGB").replace("from_rgb", "FromRGB").replace("style_mod", "StyleMod")
    name = re.sub(r"\b(conv|dense|noise(?!\d)|const(?=\.))", lambda match: match[1].capitalize(), name)
    return name.replace("label_concat", "LabelConcat").replace(".", "/")


def as_tensorflow(name: str, value: Tensor) -> np.ndarray:
    if value.ndim == 4 and not re.search(r"\.const$|noise\d+$", name):
        value = value.permute(2, 3, 1, 0)
    return np.ascontiguousarray((value.T if value.ndim == 2 else value).numpy())


def variables(weights: dict[str, Tensor], prefix: str = "") -> list[tuple[str, np.ndarray]]:
    own = {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}
    return [(official_name(name), as_tensorflow(name, value)) for name, value in own.items()]


def official_description(name: str, weights: dict[str, Tensor], lod: float = 0.0, **changes) -> dict:
    state = {"version": 3, "name": name, "static_kwargs": {"resolution": 32}, "components": {}}
    state |= {"build_module_src": TRAP, "build_func_name": "G_style"}
    state["variables"] = [("lod", np.float32(lod))]
    if "w_avg" in weights:
        state["variables"].append(("dlatent_avg", weights["w_avg"].numpy()))
        for part in ("synthesis", "mapping"):
            inner = official_description(f"G_{part}", {}) | {"variables": variables(weights, f"{part}.")}
            state["components"][part] = inner
    else:
        state["variables"] += variables(weights)
    return state | changes


def official_pickle(*descriptions: dict) -> bytes:
    """A pickle as the official code writes it: Python's pickler, and a class Network of that name."""
    names = ["dnnlib", "dnnlib.tflib", "dnnlib.tflib.network"]
    network = type("Network", (), {"__module__": names[2]})
    before = {name: sys.modules.get(name) for name in names}

    def made(description: dict) -> object:
        one = network()
        parts = {name: made(part) for name, part in description["components"].items()}
        one.__dict__.update(description | {"components": parts})
        return one

    try:
        sys.modules.update({name: types.ModuleType(name) for name in names})
        sys.modules[names[2]].Network = network
        return pickle.dumps(tuple(map(made, descriptions)), protocol=4)
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if module})


def tiny_official_pickle(lod: float = 0.0) -> bytes:
    weights = official_weights()
    instantaneous = {name: value + 0.01 for name, value in weights["G"].items()}
    parts = {"G": instantaneous, "D": weights["D"], "Gs": weights["G"]}
    return official_pickle(*(official_description(name, part, lod) for name, part in parts.items()))


def genforce_networks() -> dict[str, dict[str, Tensor]]:
    """The fixture under genforce's names."""
    weights = official_weights()
    leaves = {"style_mod": "style", "noise.weight": "apply_noise.weight"}
    generator, discriminator = {"synthesis.lod": torch.zeros(())}, {"lod": torch.zeros(())}
    for name, value in weights["G"].items():
        block = re.fullmatch(r"synthesis\.(\d+)x\d+\.(const|conv|conv0_up|conv1)\.(.*)", name)
        if block:
            index = 2 * int(block[1]).bit_length() - 6 + (block[2] in ("conv", "conv1"))
            leaf = block[3]
            for ours, theirs in leaves.items():
                leaf = leaf.replace(ours, theirs)
            name = f"synthesis.layer{index}.{leaf}"
        name = re.sub(r"synthesis\.noise(\d+)", r"synthesis.layer\1.apply_noise.noise", name)
        name = re.sub(r"to_rgb_lod(\d)", lambda match: f"output{3 - int(match[1])}", name)
        generator[name.replace("w_avg", "truncation.w_avg")] = value
    last = {"4x4.conv": "layer6", "4x4.dense0": "layer7", "4x4.dense1": "layer8"}
    for name, value in weights["D"].items():
        block = re.fullmatch(r"(8|16|32)x\d+\.(conv0|conv1_down)\.(.*)", name)
        if block:
            name = f"layer{2 * (6 - int(block[1]).bit_length()) + (block[2] == 'conv1_down')}.{block[3]}"
        for ours, theirs in last.items():
            name = name.replace(ours, theirs)
        discriminator[name.replace("from_rgb_lod", "input")] = value
    return {"generator": generator, "discriminator": discriminator, "generator_smooth": generator}


def lernapparat_generator() -> dict[str, Tensor]:
    """The fixture under lernapparat's names: no noise, no average, the finest ToRGB only."""
    generator = {}
    for name, value in official_weights()["G"].items():
        if "noise" in name and name[-1].isdigit() or name == "w_avg" or re.search("to_rgb_lod[1-9]", name):
            continue
        name = re.sub(r"\.(const|conv0_up)\.(noise|style_mod)", r".epi1.\2", name)
        name = re.sub(r"\.(conv|conv1)\.(noise|style_mod)", r".epi2.\2", name)
        name = name.replace("noise.weight", "top_epi.noise.weight").replace("style_mod", "style_mod.lin")
        name = name.replace("4x4.const.", "4x4.").replace("to_rgb_lod0", "torgb")
        name = re.sub(r"synthesis\.(\d+x)", r"g_synthesis.blocks.\1", name).replace(
            "synthesis.torgb", "g_synthesis.torgb"
        )
        generator[re.sub("^mapping", "g_mapping", name)] = value
    return generator
