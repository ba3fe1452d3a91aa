"""The style-based generator. Letters: N images, R resolution, L layers."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from dlcourse.errors import check_at_least, check_positive
from dlcourse.stylegan.networks.layers import Linear, channels_by_stage, check_labels, lrelu
from dlcourse.stylegan.networks.synthesis import GeneratorParts, Noise, Synthesis

MAX_MAPPING_LAYERS = 64  # the paper has 8


class Generator(nn.Module):
    """G(z) = synthesis(mapping(z))   (Karras et al. 2019, figure 1b).

    The state dict holds the official variables under their own names in lower case: `dlatent_avg` is `w_avg`,
    `G_mapping/Dense0/weight` is `mapping.dense0.weight`, `G_synthesis/8x8/Conv0_up/StyleMod/bias` is
    `synthesis.8x8.conv0_up.style_mod.bias`, `G_synthesis/ToRGB_lod0/bias` is `synthesis.to_rgb_lod0.bias`,
    `G_synthesis/noise3` is `synthesis.noise3`. From TensorFlow's order convolutions are permuted
    (3, 2, 0, 1), linear layers transposed, LabelConcat kept; nothing is flipped or rescaled.
    """

    w_avg: Tensor

    def __init__(
        self,
        resolution: int,  # R, a power of two from 8 to 1024
        z_dim: int,
        w_dim: int,
        channel_base: int,  # see `channels_by_stage`
        channel_max: int,
        num_classes: int,  # 0 makes it unconditional
        mapping_layers: int = 8,  # depth of the mapping network
        mapping_width: int | None = None,  # its hidden units; None takes w_dim
        mapping_lr_multiplier: float = 0.01,  # its learning rate as a factor on the others'
        channels: list[int] | None = None,  # of the stages 0 (unused), 1 (4x4), 2 (8x8), ...; None takes the rule
        parts: GeneratorParts | None = None,  # the graph, see `variants`
    ):
        super().__init__()
        parts = GeneratorParts() if parts is None else parts
        width = w_dim if mapping_width is None else mapping_width
        check_at_least(1, z_dim=z_dim, w_dim=w_dim, mapping_layers=mapping_layers, mapping_width=width)
        if mapping_layers > MAX_MAPPING_LAYERS:
            raise ValueError(f"mapping_layers must be at most {MAX_MAPPING_LAYERS}, got {mapping_layers}")
        if num_classes < 0:
            raise ValueError(f"num_classes must be 0 (no labels) or the number of classes, got {num_classes}")
        check_positive(mapping_lr_multiplier=mapping_lr_multiplier)
        self.z_dim, self.w_dim, self.num_classes = z_dim, w_dim, num_classes
        widths = [width] * (mapping_layers - 1) + [w_dim]
        self.mapping = Mapping(z_dim, widths, num_classes, mapping_lr_multiplier, parts.normalize_latent)
        stages = channels_by_stage(resolution, channel_base, channel_max, channels)
        self.synthesis = Synthesis(resolution, w_dim, stages, parts)
        self.resolution, self.num_layers = resolution, self.synthesis.num_layers
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise: Noise = "const",
        lod: float = 0.0,
    ) -> Tensor:
        """Images in about [-1, 1], z ~ N(0, 1) of (N, z_dim) -> (N, 3, R, R).

        `labels` are one-hot rows (N, num_classes), if and only if num_classes > 0; for the others see `truncate` and
        `Synthesis`.
        """
        styles = self.broadcast(self.mapping(z, labels))
        return self.synthesis(truncate(styles, self.w_avg, truncation_psi, truncation_cutoff), noise, lod)

    def broadcast(self, w: Tensor) -> Tensor:
        """The same w for all layers, (N, w_dim) -> (N, L, w_dim)."""
        return w[:, None].expand(-1, self.num_layers, -1)


def truncate(styles: Tensor, w_avg: Tensor, psi: float, cutoff: int | None) -> Tensor:
    """w' = w_avg + psi (w - w_avg)   (Karras et al. 2019, appendix B), in the first `cutoff` layers.

    None truncates all layers. psi 1 gives `styles` and psi 0 gives `w_avg`, both to the last bit.
    Shape: styles (N, L, w_dim), w_avg (w_dim) -> (N, L, w_dim).
    """
    if cutoff is not None and cutoff < 0:
        raise ValueError(f"truncation_cutoff must be a number of layers >= 0, or None for all, got {cutoff}")
    truncated = torch.lerp(w_avg, styles[:, :cutoff], psi)
    return truncated if cutoff is None else torch.cat([truncated, styles[:, cutoff:]], dim=1)


def mix_styles(styles: Tensor, other: Tensor, first: int, last: int) -> Tensor:
    """Layers first, ..., last - 1 from `other`, the rest from `styles`   (Karras et al. 2019, section 3.1).

    Shape: (N, L, w_dim) each; ValueError if they differ, or if the range is not within the layers.
    """
    if styles.shape != other.shape:
        raise ValueError(f"styles {tuple(styles.shape)} and other {tuple(other.shape)} must have one shape")
    if not 0 <= first <= last <= styles.shape[1]:
        raise ValueError(f"layers {first} to {last} must satisfy 0 <= first <= last <= {styles.shape[1]}")
    return torch.cat([styles[:, :first], other[:, first:last], styles[:, last:]], dim=1)


class Mapping(nn.Module):
    """w = f(z): normalize z, then linear layers with leaky rectifiers   (Karras et al. 2019, section 2).

    Always in float32, also within autocast: it takes little time, and its errors would reach every layer.
    """

    def __init__(
        self,
        z_dim: int,
        widths: Sequence[int],
        num_classes: int,
        lr_multiplier: float,
        normalize: Callable[[Tensor], Tensor],
    ):
        super().__init__()
        self.z_dim, self.num_classes, self.depth, self.normalize = z_dim, num_classes, len(widths), normalize
        self.label_concat = LabelConcat(num_classes, z_dim) if num_classes else None
        inputs = 2 * z_dim if num_classes else z_dim
        for index, outputs in enumerate(widths):
            self.add_module(f"dense{index}", Linear(inputs, outputs, lr_multiplier=lr_multiplier))
            inputs = outputs

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, z_dim), (N, num_classes) or None -> (N, w_dim)."""
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(f"z must be (N, {self.z_dim}), got {tuple(z.shape)}")
        check_labels(labels, z.shape[0], self.num_classes)
        with torch.autocast(z.device.type, enabled=False):
            x = z if self.label_concat is None else self.label_concat(z, labels)
            x = self.normalize(x)
            for index in range(self.depth):
                x = lrelu(self.get_submodule(f"dense{index}")(x))
            return x  # (N, w_dim)


class LabelConcat(nn.Module):
    """[z, labels W] with W ~ N(0, 1), weights not scaled: (N, z_dim), (N, num_classes) -> (N, 2 z_dim)."""

    def __init__(self, num_classes: int, z_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, z_dim))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, labels.to(z.dtype) @ self.weight], dim=1)
