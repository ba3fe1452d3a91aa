"""The graphs of other implementations, so that their checkpoints compute the same images here.

The official graph is in synthesis.py and discriminator.py. Differences that amount to a factor on the weights are
removed when a checkpoint is imported; the others are here, as values of `parts` for `Generator` and `Discriminator`:

    parts: {_target_: dlcourse.stylegan.networks.variants.mmgen_generator}

Letters: N images, C channels, H x W pixels.
"""

from torch import Tensor

from dlcourse.stylegan.networks.discriminator import DiscriminatorParts
from dlcourse.stylegan.networks.layers import lrelu
from dlcourse.stylegan.networks.synthesis import GeneratorParts, UpConvLayer

TORCH_EPSILON = 1e-5  # of PyTorch's instance norm; the official graph has 1e-8


def huangzh13_generator() -> GeneratorParts:
    """The official graph with PyTorch's epsilon   (huangzh13/StyleGAN.pytorch, lernapparat)."""
    return GeneratorParts(TORCH_EPSILON)


def huangzh13_discriminator() -> DiscriminatorParts:
    """FromRGB has no rectifier   (huangzh13/StyleGAN.pytorch)."""
    return DiscriminatorParts(activate_rgb=identity)


def rosinality_generator() -> GeneratorParts:
    """The bias comes before the blur; both layers of a resolution share one noise   (style-based-gan-pytorch)."""
    return GeneratorParts(TORCH_EPSILON, BiasBlurUpLayer, arrange_noise=share_noise)


def rosinality_discriminator(rgb_is_linear: bool = False) -> DiscriminatorParts:
    """The first convolution of a block changes the channels; older ones have no rectifier after FromRGB."""
    return DiscriminatorParts(activate_rgb=identity if rgb_is_linear else lrelu, is_early=True)


def mmgen_generator() -> GeneratorParts:
    """Bias and a rectifier of its own come before the blur; another pixel norm   (mmgeneration)."""
    return GeneratorParts(TORCH_EPSILON, RectifierBlurUpLayer, normalize_latent=root_mean_square_norm)


def mmgen_discriminator() -> DiscriminatorParts:
    """FromRGB is 3x3, the first convolution of a block changes the channels, the last layers are linear."""
    return DiscriminatorParts(rgb_kernel_size=3, is_early=True, activate_hidden=identity)


def identity(x: Tensor) -> Tensor:
    return x


def root_mean_square_norm(x: Tensor) -> Tensor:
    """x / (sqrt(mean_c(x^2)) + 1e-6); (N, C) -> same."""
    return x / (x.square().mean(1, keepdim=True).sqrt() + 1e-6)


def share_noise(noises: list[Tensor | None]) -> list[Tensor | None]:
    """Both layers of a resolution get the noise of the first one."""
    return [noises[layer - layer % 2] for layer in range(len(noises))]


class BiasBlurUpLayer(UpConvLayer):
    """Nearest x2, convolution, + bias, blur, + noise, rectifier, AdaIN: (N, C, H, W) -> (N, C', 2H, 2W)."""

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        return self.finish(self.blur(self.upscaled(x, self.bias)), w, noise)


class RectifierBlurUpLayer(UpConvLayer):
    """Nearest x2, convolution, + bias, rectifier, blur, + noise, rectifier, AdaIN: to (N, C', 2H, 2W)."""

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        return self.finish(self.blur(lrelu(self.upscaled(x, self.bias))), w, noise)
