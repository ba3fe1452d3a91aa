"""Colour transfer between images: luminance, chroma, and the mean and covariance of colours.

Images are float tensors (..., 3, H, W) of sRGB values (not linear light) in [0, 1]. Most results are not clamped to
[0, 1], so that their statistics are exactly the target's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

ColorMoments = tuple[Tensor, Tensor]  # mean (..., C, 1) and covariance (..., C, C), float64 on the CPU
SMALLEST_VARIANCE = 1e-9  # of colours in [0, 1]: far below that of rounding to 8 bits (1.3e-6), far above float64's


def luminance(images: Tensor) -> Tensor:
    """Y = 0.2126 r + 0.7152 g + 0.0722 b: (..., 3, H, W) -> (..., 1, H, W).

    The luma of ITU-R BT.709, because sRGB has BT.709's primaries. The weights of JPEG and YIQ (BT.601: 0.299, 0.587,
    0.114) are for the primaries of old televisions.
    """
    red, green, blue = images.split(1, dim=-3)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def match_statistics(
    source: Tensor, target: Tensor, source_mask: Tensor | None = None, target_mask: Tensor | None = None
) -> Tensor:
    """The source with the target's mean colour and covariance, by `match_moments`; not clamped to [0, 1].

    Shape: source (..., 3, H, W) and its mask (1, 1, H, W), target (..., 3, H', W') and its mask (1, 1, H', W'). Colours
    are measured inside the masks; None: everywhere. Computed in float64 on the CPU: not every device has float64.
    """
    return match_moments(source, color_moments(source, source_mask), color_moments(target, target_mask))


def match_moments(source: Tensor, own: ColorMoments, target: ColorMoments) -> Tensor:
    """Change the source's moments from `own` to `target`: x -> m_t + A (x - m_s), not clamped to [0, 1].

    A = C_s^-1/2 (C_s^1/2 C_t C_s^1/2)^1/2 C_s^-1/2, the linear Monge-Kantorovich map: of all linear maps from one
    covariance to the other, the one that moves colours least (Pitié & Kokaram 2007, "The linear Monge-Kantorovitch
    linear colour mapping for example-based colour transfer"). Gatys et al. 2016, "Preserving color in neural artistic
    style transfer", give the style image the content's colours in this way.

    The inverse leaves out directions in which the source varies less than SMALLEST_VARIANCE: a grey source stays
    grey, with the target's variance along grey, and an image of one colour becomes the target's mean.
    """
    (source_mean, source_covariance), (target_mean, target_covariance) = own, target
    values, vectors = torch.linalg.eigh(source_covariance)  # (..., 3), (..., 3, 3)
    values = values.where(values > SMALLEST_VARIANCE, torch.inf)
    inverse_root = compose_symmetric(values.rsqrt(), vectors)
    root = source_covariance @ inverse_root
    values, vectors = torch.linalg.eigh(root @ target_covariance @ root)
    matrix = inverse_root @ compose_symmetric(values.clamp(min=0).sqrt(), vectors) @ inverse_root  # (..., 3, 3)
    matched = target_mean + matrix @ (pixels(source) - source_mean)
    return matched.unflatten(-1, source.shape[-2:]).to(source)


def match_luminance(
    source: Tensor, target: Tensor, source_mask: Tensor | None = None, target_mask: Tensor | None = None
) -> Tensor:
    """The source with the mean and deviation of the target's luminance, and its own chroma; not clamped to [0, 1].

    Y' = (d_t / d_s) (Y_s - m_s) + m_t   (Gatys et al. 2016, "Preserving color in neural artistic style transfer"),
    and x' = x + Y' - Y_s. d_s^2 is at least SMALLEST_VARIANCE: a source of constant luminance stays constant.
    Arguments and result as in `match_statistics`.
    """
    brightness = luminance(source)
    source_mean, source_variance = color_moments(brightness, source_mask)  # (..., 1, 1)
    target_mean, target_variance = color_moments(luminance(target), target_mask)
    scale = (target_variance / source_variance.clamp(min=SMALLEST_VARIANCE)).sqrt()
    matched = scale * (pixels(brightness) - source_mean) + target_mean
    return source + matched.unflatten(-1, source.shape[-2:]).to(source) - brightness


def keep_chroma(image: Tensor, content: Tensor) -> Tensor:
    """The luminance of `image` with the chroma (r-Y, g-Y, b-Y) of `content`, in [0, 1] up to rounding.

    The last step of a luminance-only transfer (Gatys et al. 2016, "Preserving color in neural artistic style
    transfer"). A chroma c fits into [0, 1]^3 only with luminances in [-min c, 1 - max c]. Y is clamped to this
    interval in each pixel, which keeps the content's chroma exactly; clamping r, g and b would change it.

    Shape: `image` of any range and `content` in [0, 1], both (..., 3, H, W).
    """
    return with_chroma(luminance(image), content - luminance(content))


def blend(content: Tensor, result: Tensor, of_luminance: float, of_chroma: float) -> Tensor:
    """Between a content and its painted result, in luminance and in chroma (r-Y, g-Y, b-Y) separately; in [0, 1].

    Both shares are in [0, 1], and 1 is the result: blend(c, r, 1, 1) = r, blend(c, r, 0, 0) = c, up to rounding, and
    blend(c, r, 1, 0) = keep_chroma(r, c). Shape: `content` and `result` in [0, 1], both (..., 3, H, W).
    """
    before, after = luminance(content), luminance(result)
    chroma = torch.lerp(content - before, result - after, of_chroma)
    return with_chroma(torch.lerp(before, after, of_luminance), chroma)


def with_chroma(brightness: Tensor, chroma: Tensor) -> Tensor:
    """The colours of a luminance (..., 1, H, W) and a chroma (..., 3, H, W); a luminance without room for it gives way.

    A chroma that is a mean of those of colours in [0, 1]^3 has room: max c - min c <= 1.
    """
    lowest, highest = -chroma.amin(-3, keepdim=True), 1 - chroma.amax(-3, keepdim=True)  # (..., 1, H, W)
    return brightness.clamp(lowest, highest) + chroma


def color_moments(images: Tensor, mask: Tensor | None = None) -> ColorMoments:
    """Mean and covariance of the channels of (..., C, H, W) over the pixels, weighted by a mask (1, 1, H, W)."""
    values = pixels(images)
    counted = torch.ones(()) if mask is None else pixels(mask / mask.mean())
    mean = (counted * values).mean(-1, keepdim=True)
    centered = values - mean
    return mean, (counted * centered) @ centered.mT / values.shape[-1]


def mixture(parts: Sequence[ColorMoments], shares: Sequence[float]) -> ColorMoments:
    """The moments of the pixels of several images together, weighted by `shares`, whose sum is 1."""
    means, covariances = map(torch.stack, zip(*parts, strict=True))  # (images, ..., C, 1), (images, ..., C, C)
    weights = means.new_tensor(shares).reshape(-1, *[1] * (means.ndim - 1))
    mean = (weights * means).sum(0)
    offsets = means - mean
    return mean, (weights * covariances).sum(0) + (weights * offsets @ offsets.mT).sum(0)


def pixels(images: Tensor) -> Tensor:
    """(..., C, H, W) -> (..., C, H * W), float64 on the CPU."""
    return images.to("cpu", torch.float64).flatten(-2)


def compose_symmetric(values: Tensor, vectors: Tensor) -> Tensor:
    """The symmetric matrices (..., C, C) with eigenvalues (..., C) and eigenvectors in the columns of (..., C, C)."""
    return (vectors * values.unsqueeze(-2)) @ vectors.mT
