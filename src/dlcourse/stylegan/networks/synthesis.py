"""The synthesis network: styles and noise -> images.

Letters: N images, C channels, H x W pixels, R resolution, L layers.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.nn.adain import EPSILON, at_least_float32
from dlcourse.nn.adain_kernels import fast_adain, is_eager_on_cpu, row_pieces
from dlcourse.stylegan.networks.kernels import add_noise_in_half_precision, up_kernel
from dlcourse.stylegan.networks.layers import (
    GAIN,
    Blur,
    Conv2d,
    Linear,
    add_noise,
    block_name,
    fade_in,
    lrelu,
    pixel_norm,
    split_lod,
    upscale,
)

Noise = str | Sequence[Tensor] | torch.Generator
Layout = tuple[torch.dtype, torch.memory_format]
NOISE_SOURCES: dict[str, Callable[[Tensor, int], Tensor | None]] = {
    "const": lambda stored, batch: stored,
    "random": lambda stored, batch: stored.new_empty(batch, *stored.shape[1:]).normal_(),
    "none": lambda stored, batch: None,
}
FIRST_FLIPPED_RESOLUTION = 128  # from here on the official graph stores kernels flipped in both directions


class Synthesis(nn.Module):
    """A learned constant, grown by blocks from 4x4 to R x R; each layer has its own style and noise.

    Two layers per resolution, L = 2 log2(R) - 2. Each resolution has a ToRGB, so that the network can be grown (Karras
    et al. 2018, figure 2): the image at level of detail k + t is that of R / 2^k faded by t towards that of
    R / 2^(k + 1), upscaled to R. Blocks above R / 2^k are not computed.
    """

    def __init__(self, resolution: int, w_dim: int, channels: Sequence[int], parts: "GeneratorParts"):
        super().__init__()
        self.resolution, self.w_dim = resolution, w_dim
        self.top = resolution.bit_length() - 1  # log2(R)
        self.num_layers = 2 * self.top - 2
        self.arrange_noise = parts.arrange_noise
        self.add_module("4x4", ConstBlock(channels[1], w_dim, parts))
        for log2 in range(3, self.top + 1):
            block = UpBlock(channels[log2 - 2], channels[log2 - 1], w_dim, 2**log2, parts)
            self.add_module(block_name(log2), block)
        for log2 in range(2, self.top + 1):
            self.add_module(f"to_rgb_lod{self.top - log2}", Conv2d(channels[log2 - 1], 3, 1, gain=1))
        for layer in range(self.num_layers):
            size = 2 ** (layer // 2 + 2)
            self.register_buffer(f"noise{layer}", torch.randn(1, 1, size, size))

    def forward(self, styles: Tensor, noise: Noise = "const", lod: float = 0.0, is_upscaled: bool = True) -> Tensor:
        """Images in about [-1, 1], one w per layer of (N, L, w_dim) -> (N, 3, R, R).

        Noise is "const" (the stored one), "random" (fresh), a torch.Generator that draws it, "none", or L tensors (N or
        1, 1, r, r); those of blocks that are not computed may be left out. `is_upscaled` False leaves them at R / 2^k.
        """
        if styles.ndim != 3 or styles.shape[1:] != (self.num_layers, self.w_dim):
            wanted = f"(N, {self.num_layers}, {self.w_dim})"
            raise ValueError(f"styles must be {wanted}, got {tuple(styles.shape)}")
        skipped, is_fading = split_lod(lod, self.resolution)
        styles = styles.contiguous()  # rounding may depend on strides: an expanded w shall give the same bits
        noises = self.layer_noises(noise, styles.shape[0], self.num_layers - 2 * skipped)
        x = coarse = self.get_submodule("4x4")(styles[:, :2], noises[:2])  # (N, C, 4, 4)
        for log2 in range(3, self.top - skipped + 1):
            block, layers = self.get_submodule(block_name(log2)), slice(2 * log2 - 4, 2 * log2 - 2)
            coarse, x = x, block(x, styles[:, layers], noises[layers])  # (N, C', 2H, 2W)
        image = self.get_submodule(f"to_rgb_lod{skipped}")(x)
        if is_fading:
            coarse_image = self.get_submodule(f"to_rgb_lod{skipped + 1}")(coarse)
            image = fade_in(image, upscale(coarse_image, 2), lod)
        return upscale(image, 2**skipped) if is_upscaled else image

    def layer_noises(self, noise: Noise, batch: int, layers: int) -> list[Tensor | None]:
        """The noise of the first `layers` layers: (N or 1, 1, r, r), or None for no noise."""
        stored = [self.get_buffer(f"noise{layer}") for layer in range(self.num_layers)]
        if isinstance(noise, str):
            if noise not in NOISE_SOURCES:
                raise ValueError(f"noise must be const, random, none, a generator or a list of tensors, got {noise!r}")
            return self.arrange_noise([NOISE_SOURCES[noise](image, batch) for image in stored[:layers]])
        if isinstance(noise, torch.Generator):
            sizes = [(batch, *image.shape[1:]) for image in stored[:layers]]
            drawn = [torch.randn(size, generator=noise, device=noise.device) for size in sizes]
            return self.arrange_noise([image.to(stored[0]) for image in drawn])
        if len(noise) not in (layers, self.num_layers):
            raise ValueError(f"noise must hold {self.num_layers} tensors, one per layer, got {len(noise)}")
        for layer, (given, own) in enumerate(zip(noise, stored, strict=False)):
            if given.ndim != 4 or given.shape[0] not in (1, batch) or given.shape[1:] != own.shape[1:]:
                wanted = f"({batch} or 1, 1, {own.shape[2]}, {own.shape[3]})"
                raise ValueError(f"noise[{layer}] must be {wanted}, got {tuple(given.shape)}")
        return list(noise[:layers])


class StyledLayer(nn.Module):
    """After a convolution: + noise, + bias, leaky rectifier, AdaIN   (Karras et al. 2019, figure 1b).

    The bias is added first, within the convolution or the blur, where it takes no time: the sum is the same.
    `epsilon` is AdaIN's.
    """

    def __init__(self, channels: int, w_dim: int, epsilon: float = EPSILON):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.noise = NoiseInput(channels)
        self.style_mod = Linear(w_dim, 2 * channels, gain=1)
        self.epsilon = epsilon

    def finish(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Noise, leaky rectifier, AdaIN: x (N, C, H, W), which is overwritten, (N, w_dim), noise (N or 1, 1, H, W)."""
        if not is_eager_on_cpu(x):
            return fast_adain(lrelu(self.noise(x, noise)), *self.style(w), self.epsilon)
        pieces = row_pieces(x) if noise is None else row_pieces(x, noise)
        return fast_adain(x, *self.style(w), self.epsilon, (lrelu(self.noise(*piece)) for piece in pieces))

    def style(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """y_scale = 1 + A w and y_bias, in float32 also within autocast, (N, w_dim) -> (N, C, 1, 1) each."""
        with torch.autocast(w.device.type, enabled=False):
            style = at_least_float32(self.style_mod(w.to(self.style_mod.weight.dtype)))
        scale, bias = style[:, :, None, None].chunk(2, dim=1)
        return scale + 1, bias


class NoiseInput(nn.Module):
    """`add_noise` with one learned strength per channel, 0 at first   (Karras et al. 2019, section 2)."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """(N, C, H, W), (N or 1, 1, H, W) -> (N, C, H, W); None adds nothing. Overwrites x."""
        if noise is None:
            return x
        add = add_noise_in_half_precision if x.element_size() < 4 and x.is_cpu else add_noise
        return add(x, noise.to(x.dtype), self.weight.to(x.dtype))


class ConstLayer(StyledLayer):
    """The learned constant, (N, w_dim) -> (N, C, 4, 4)."""

    def __init__(self, channels: int, w_dim: int, epsilon: float = EPSILON):
        super().__init__(channels, w_dim, epsilon)
        self.const = nn.Parameter(torch.ones(1, channels, 4, 4))

    def forward(self, w: Tensor, noise: Tensor | None) -> Tensor:
        x = self.const + self.bias[:, None, None]
        return self.finish(x.repeat(w.shape[0], 1, 1, 1), w, noise)


class ConvLayer(StyledLayer):
    """3x3 convolution with equalized learning rate, then StyledLayer: (N, C, H, W) -> (N, C', H, W)."""

    kept: dict[Layout, Tensor] | None = None  # kernels, inside constant_weights

    def __init__(self, inputs: int, outputs: int, w_dim: int, epsilon: float = EPSILON):
        super().__init__(outputs, w_dim, epsilon)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.scale = GAIN / (inputs * 9) ** 0.5

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        return self.finish(F.conv2d(x, self.kernel(x), self.bias.to(x.dtype), padding=1), w, noise)

    def kernel(self, x: Tensor) -> Tensor:
        """The kernel in the type of x and, where that is faster, in its memory format."""
        layout = x.dtype, torch.contiguous_format if x.is_contiguous() else torch.channels_last
        if self.kept is None or torch.compiler.is_compiling():
            return self.new_kernel(*layout)
        if layout not in self.kept:
            with torch.no_grad():
                self.kept[layout] = self.new_kernel(*layout)
        return self.kept[layout]

    def new_kernel(self, dtype: torch.dtype, memory_format: torch.memory_format) -> Tensor:
        """c W, (C', C, 3, 3)."""
        return (self.weight * self.scale).to(dtype)


class UpConvLayer(ConvLayer):
    """Nearest x2, 3x3 convolution, blur, then StyledLayer: (N, C, H, W) -> (N, C', 2H, 2W).

    From 128x128 on the official graph has one transposed convolution for the first two, which flips its kernel; so the
    weights stored there are flipped (`is_flipped`). Here a transposed convolution computes both kinds.
    """

    def __init__(self, inputs: int, outputs: int, w_dim: int, is_flipped: bool, epsilon: float = EPSILON):
        super().__init__(inputs, outputs, w_dim, epsilon)
        self.is_flipped = is_flipped
        self.blur = Blur()

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        return self.finish(self.blur(self.upscaled(x), self.bias), w, noise)

    def upscaled(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Nearest x2, 3x3 convolution, + bias if there is one: (N, C, H, W), (C') -> (N, C', 2H, 2W)."""
        return F.conv_transpose2d(x, self.kernel(x), None if bias is None else bias.to(x.dtype), stride=2, padding=1)

    def new_kernel(self, dtype: torch.dtype, memory_format: torch.memory_format) -> Tensor:
        """c W for the transposed convolution, (C, C', 4, 4)."""
        weight = (self.weight * self.scale).to(dtype)
        return up_kernel(weight if self.is_flipped else weight.flip(2, 3), memory_format)


@contextmanager
def constant_weights(network: nn.Module) -> Iterator[None]:
    """Context in which layers compute their kernels once, without gradients, and keep them; weights must not change.

    Saves up to a quarter of the time of one image, for 1.4 times the weights' memory.
    """
    layers = [module for module in network.modules() if isinstance(module, ConvLayer)]
    for layer in layers:
        layer.kept = {}
    try:
        yield
    finally:
        for layer in layers:
            layer.kept = None


class ConstBlock(nn.Module):
    """The two layers of 4x4: styles (N, 2, w_dim) -> (N, C, 4, 4)."""

    def __init__(self, channels: int, w_dim: int, parts: "GeneratorParts"):
        super().__init__()
        self.const = ConstLayer(channels, w_dim, parts.epsilon)
        self.conv = ConvLayer(channels, channels, w_dim, parts.epsilon)

    def forward(self, styles: Tensor, noises: Sequence[Tensor | None]) -> Tensor:
        return self.conv(self.const(styles[:, 0], noises[0]), styles[:, 1], noises[1])


class UpBlock(nn.Module):
    """The two layers of a resolution above: (N, C, H, W), styles (N, 2, w_dim) -> (N, C', 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int, parts: "GeneratorParts"):
        super().__init__()
        is_flipped = resolution >= FIRST_FLIPPED_RESOLUTION
        self.conv0_up = parts.up_layer(inputs, outputs, w_dim, is_flipped, parts.epsilon)
        self.conv1 = ConvLayer(outputs, outputs, w_dim, parts.epsilon)

    def forward(self, x: Tensor, styles: Tensor, noises: Sequence[Tensor | None]) -> Tensor:
        return self.conv1(self.conv0_up(x, styles[:, 0], noises[0]), styles[:, 1], noises[1])


@dataclass(frozen=True)
class GeneratorParts:
    """Where implementations differ. The defaults are the official graph; variants.py has others."""

    epsilon: float = EPSILON
    up_layer: type[UpConvLayer] = UpConvLayer
    normalize_latent: Callable[[Tensor], Tensor] = pixel_norm
    arrange_noise: Callable[[list[Tensor | None]], list[Tensor | None]] = list  # noise drawn or stored -> noise added
