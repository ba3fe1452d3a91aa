"""Builds networks from weights in our names: their shapes give the sizes, and what is missing is filled in."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.rebuild import build_fitting, check_weights, some
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.renaming import Rule, Weights, rename
from dlcourse.stylegan.networks.discriminator import Discriminator
from dlcourse.stylegan.networks.generator import Generator
from dlcourse.stylegan.networks.layers import RESOLUTIONS, channels_by_stage

FILL_SEED = 0
W_AVG_SAMPLES = 10_000
NOISE = r"synthesis\.noise\d+"
COARSE_RGB = r"(?:synthesis\.to|from)_rgb_lod[1-9]\d*\.(?:weight|bias)"
FILLABLE = rf"w_avg|{NOISE}|{COARSE_RGB}"
ROLE_KINDS = {"generator_ema": "generator", "generator": "generator", "discriminator": "discriminator"}
ROLE_CLASSES = {"generator_ema": Generator, "generator": Generator, "discriminator": Discriminator}


@dataclass
class ForeignCheckpoint:
    """The content of another implementation's file, in our names."""

    format: str  # whose file it is, for messages
    generator_options: dict[str, Any] = field(default_factory=dict)  # constructor arguments that shapes do not tell
    discriminator_options: dict[str, Any] = field(default_factory=dict)
    lod: float = 0.0  # the level of detail that training had reached
    networks: dict[str, Weights] = field(default_factory=dict)  # by role, of those in the file
    notes: list[str] = field(default_factory=list)  # what a user should know
    has_old_average: bool = False  # whether the generator's average of w was not kept up to date
    trained_resolution: int | None = 0  # the finest that was trained, if networks have more; 0: no more; None: unknown

    def take(self, role: str, variables: Mapping[str, Any], rules: Sequence[Rule]) -> Weights:
        """Rename the variables of one network, and note those that no rule matches, which are left out."""
        self.networks[role], unknown = rename(variables, rules)
        if unknown:
            self.notes.append(f"{role}: unknown variables left out: {some(unknown)}")
        return self.networks[role]


def variant(name: str, **options: Any) -> dict[str, Any]:
    """The constructor argument for a function of variants.py."""
    return {"parts": {"_target_": f"dlcourse.stylegan.networks.variants.{name}", **options}}


@dataclass
class Pretrained:
    """The networks of a file; None for those that it does not have."""

    format: str  # whose file it is, for messages
    config: dict[str, Any]  # the `model` node that rebuilds them
    generator: Generator | None = None
    discriminator: Discriminator | None = None
    generator_ema: Generator | None = None
    notes: list[str] = field(default_factory=list)  # how missing parts were filled in, and what else to know
    has_old_average: bool = False  # whether the averaged generator's average of w was not kept up to date
    origin: Checkpoint | None = None  # the checkpoint of dlcourse that they are from, without its state

    def networks(self) -> dict[str, nn.Module]:
        """Role -> network, of those that it has."""
        roles = {role: getattr(self, role) for role in ROLE_KINDS}
        return {role: network for role, network in roles.items() if network is not None}

    @property
    def averaged_generator(self) -> Generator:
        """The generator to draw with: the averaged one if there is one, else the other."""
        generator = self.generator_ema or self.generator
        if generator is None:
            raise UserError("there is no generator in it")
        return generator


def chosen_roles(held: Collection[str], only_to_draw: bool) -> list[str]:
    """The roles to load: all that the file has, or only the generator to draw with, preferably the averaged one."""
    roles = [role for role in ROLE_KINDS if role in held]
    return [role for role in roles if ROLE_KINDS[role] == "generator"][:1] if only_to_draw else roles


def build_networks(found: ForeignCheckpoint, resolution: int | None, only_to_draw: bool = False) -> Pretrained:
    """Build the networks, cut down to `resolution` if given; UserError where the weights do not make a network."""
    pretrained = Pretrained(found.format, {}, notes=list(found.notes), has_old_average=found.has_old_average)
    if resolution is None and found.trained_resolution is None:
        raise UserError("its networks have 1024x1024 whatever was trained, and it does not tell: give the resolution")
    if resolution is None and found.trained_resolution:
        resolution = found.trained_resolution
        pretrained.notes.append(f"resolution {resolution} is the finest that was trained; another can be given")
    for role in chosen_roles(found.networks, only_to_draw):
        kind = ROLE_KINDS[role]
        weights = cut(found.networks[role], resolution)
        if kind == "discriminator":
            num_classes = pretrained.config.get("generator", {}).get("num_classes", 0)
            node = discriminator_node(weights, num_classes) | found.discriminator_options
        else:
            node = generator_node(weights) | found.generator_options
        pretrained.config.setdefault(kind, node)
        network, notes = load_network(role, node, weights)
        setattr(pretrained, role, network)
        pretrained.notes += notes
    if not pretrained.config:
        raise UserError("there is no generator in it" if only_to_draw else "it holds no network")
    pretrained.notes += lod_notes(found.lod, found.networks, resolution)
    return pretrained


def lod_notes(lod: float, networks: dict[str, Weights], resolution: int | None) -> list[str]:
    """A note on the untrained resolutions of a network that was still growing."""
    whole = max(resolution_of(weights) for weights in networks.values())
    trained = whole // 2 ** math.ceil(lod) if 0 < lod < len(RESOLUTIONS) else whole
    if (resolution or whole) <= trained:
        return []
    return [f"level of detail {lod:g}: above {trained}x{trained} it is not yet, or half, trained and can be cut off"]


def load_network(role: str, node: dict[str, Any], weights: Weights) -> tuple[Any, list[str]]:
    """Build a network with these weights, and notes on what was filled in; UserError for unfit weights.

    Missing noise images are drawn from FILL_SEED; missing RGB layers of lower resolutions become zeros.
    """
    network: Any = build_fitting(node, role, "its config", weights)
    check_weights(network, weights, f"its {role}", FILLABLE)
    missing = {name: value for name, value in network.state_dict().items() if name not in weights}
    noises = [name for name in missing if re.fullmatch(NOISE, name)]
    rgb = {name: torch.zeros_like(value) for name, value in missing.items() if re.fullmatch(COARSE_RGB, name)}
    network.load_state_dict(weights | rgb, strict=False)
    network.eval()
    notes = []
    if noises:
        random = torch.Generator().manual_seed(FILL_SEED)
        drawn = [torch.randn(missing[name].shape, generator=random) for name in noises]
        for name, noise in zip(noises, network.synthesis.arrange_noise(drawn), strict=True):
            network.get_buffer(name).copy_(noise)
        notes.append(f"{role}: no noise images; {len(noises)} drawn from seed {FILL_SEED}")
    if rgb:
        notes.append(f"{role}: no RGB layers below the full resolution; zeros: it works at level of detail 0 only")
    if "w_avg" in missing:
        network.w_avg.copy_(estimated_w_avg(network))
        notes.append(f"{role}: no average of w; estimated from {W_AVG_SAMPLES} latents of seed {FILL_SEED}")
    return network, notes


@torch.no_grad()
def estimated_w_avg(generator: Generator) -> Tensor:
    """The mean of w over W_AVG_SAMPLES latents of FILL_SEED, with classes drawn uniformly: (w_dim,)."""
    random = torch.Generator().manual_seed(FILL_SEED)
    z = torch.randn(W_AVG_SAMPLES, generator.z_dim, generator=random)
    if not generator.num_classes:
        return generator.mapping(z).mean(0)
    classes = torch.randint(generator.num_classes, (W_AVG_SAMPLES,), generator=random)
    return generator.mapping(z, F.one_hot(classes, generator.num_classes)).mean(0)


# --- sizes ------------------------------------------------------------------------------------------------------


def resolution_of(weights: Weights) -> int:
    """The largest resolution that has a block; UserError unless all below it have one too."""
    blocks = {int(match[1]) for match in map(re.compile(r"(?:synthesis\.)?(\d+)x\1\..*").fullmatch, weights) if match}
    largest = max(blocks, default=0)
    if largest not in RESOLUTIONS or blocks != {2**log2 for log2 in range(2, largest.bit_length())}:
        raise UserError(f"its blocks make no network: {', '.join(map(str, sorted(blocks))) or 'there are none'}")
    return largest


def cut(weights: Weights, resolution: int | None) -> Weights:
    """The network of a smaller resolution inside that of `weights`: level of detail k becomes k - n."""
    whole = resolution_of(weights)
    if resolution is None or resolution == whole:
        return weights
    if resolution not in RESOLUTIONS or resolution > whole:
        raise UserError(f"its resolution is {whole}, so resolution must be a power of two from 8 to that")
    shift = (whole // resolution).bit_length() - 1
    kept: Weights = {}
    for name, value in weights.items():
        block = re.fullmatch(r"(?:synthesis\.)?(\d+)x\d+\..*", name)
        noise = re.fullmatch(r"synthesis\.noise(\d+)", name)
        rgb = re.fullmatch(r"((?:synthesis\.to|from)_rgb_lod)(\d+)(\..*)", name)
        if rgb and int(rgb[2]) >= shift:
            kept[f"{rgb[1]}{int(rgb[2]) - shift}{rgb[3]}"] = value
        elif not rgb and (not block or int(block[1]) <= resolution) and (not noise or value.shape[-1] <= resolution):
            kept[name] = value
    return kept


def variable_size(weights: Weights, name: str, dim: int) -> int:
    """One size of a variable, or UserError if there is none."""
    if name not in weights or weights[name].ndim <= dim:
        raise UserError(f"it has no fitting {name}")
    return weights[name].shape[dim]


def generator_node(weights: Weights) -> dict[str, Any]:
    """The config node of a generator with these shapes."""
    resolution = resolution_of(weights)
    layers = len([name for name in weights if re.fullmatch(r"mapping\.dense\d+\.weight", name)])
    labels = "mapping.label_concat.weight"
    num_classes = variable_size(weights, labels, 0) if labels in weights else 0
    inputs = variable_size(weights, "mapping.dense0.weight", 1)
    w_dim = variable_size(weights, f"mapping.dense{layers - 1}.weight", 0)
    width = variable_size(weights, "mapping.dense0.weight", 0)
    coarse = variable_size(weights, "synthesis.4x4.const.const", 1)
    fine = [variable_size(weights, f"synthesis.{r}x{r}.conv1.weight", 0) for r in RESOLUTIONS if r <= resolution]
    node: dict[str, Any] = {
        "_target_": "dlcourse.stylegan.networks.generator.Generator",
        "resolution": resolution,
        "z_dim": inputs // 2 if num_classes else inputs,
        "w_dim": w_dim,
        "num_classes": num_classes,
        "mapping_layers": layers,
    }
    return node | ({"mapping_width": width} if width != w_dim else {}) | widths(resolution, [coarse, coarse, *fine])


def discriminator_node(weights: Weights, num_classes: int) -> dict[str, Any]:
    """The config node of a discriminator with these shapes; the generator's `num_classes` tells one class from none."""
    resolution = resolution_of(weights)
    outputs = variable_size(weights, "4x4.dense1.weight", 0)
    channels = [variable_size(weights, "4x4.dense0.weight", 0), variable_size(weights, "4x4.conv.weight", 0)]
    channels += [variable_size(weights, f"{r}x{r}.conv0.weight", 1) for r in RESOLUTIONS if r <= resolution]
    node = {
        "_target_": "dlcourse.stylegan.networks.discriminator.Discriminator",
        "resolution": resolution,
        "num_classes": outputs if outputs > 1 else min(num_classes, 1),
    }
    return node | widths(resolution, channels)


def widths(resolution: int, channels: list[int]) -> dict[str, Any]:
    """The arguments of the rule that gives these `channels` by stage; the list too if the rule gives others."""
    rule: dict[str, Any] = {"channel_base": channels[-1] * resolution // 2, "channel_max": max(channels)}
    return rule if channels_by_stage(resolution, **rule) == channels else rule | {"channels": channels}
