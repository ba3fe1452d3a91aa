"""Colours of one image given to another: luminance, chroma, and the statistics of colours.

Images are float tensors (..., 3, H, W) with sRGB's own values, not linear light, in [0, 1]; each is treated by
itself. Results may lie outside [0, 1] where it is said; nothing is clamped, so that the statistics are exact.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Moments = tuple[Tensor, Tensor]  # mean (..., C, 1) and covariance (..., C, C), float64 on the CPU
SMALLEST_VARIANCE = 1e-9  # of colours in [0, 1]: far below that of rounding to 8 bits (1.3e-6), far above float64's


def luminance(images: Tensor) -> Tensor:
    """Y = 0.2126 r + 0.7152 g + 0.0722 b: (..., 3, H, W) -> (..., 1, H, W).

    The luma of ITU-R BT.709, because sRGB has BT.709's primaries; the 0.299, 0.587, 0.114 of BT.601, which is in JPEG
    and in YIQ, belong to the phosphors of old television.
    """
    red, green, blue = images.split(1, dim=-3)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def match_statistics(
    source: Tensor, target: Tensor, source_mask: Tensor | None = None, target_mask: Tensor | None = None
) -> Tensor:
    """The source in the target's mean colour and covariance: `match_moments` of the two, not clamped to [0, 1].

    Args:
        source: (..., 3, H, W).
        target: (..., 3, H', W'); leading dimensions must broadcast with the source's.
        source_mask, target_mask: whose colours are measured, (1, 1, H, W) and (1, 1, H', W'); None: everywhere's.

    Returns:
        Like the source; computed in float64 on the CPU, as not every device has float64.
    """
    return match_moments(source, moments(source, source_mask), moments(target, target_mask))


def match_moments(source: Tensor, own: Moments, target: Moments) -> Tensor:
    """The source, of the moments `own`, given those of a target: x -> m_t + A (x - m_s), not clamped to [0, 1].

    A = C_s^-1/2 (C_s^1/2 C_t C_s^1/2)^1/2 C_s^-1/2, the linear Monge-Kantorovich map: of all linear maps that take
    the one covariance to the other, the one which moves colours least (Pitié & Kokaram 2007, "The linear
    Monge-Kantorovitch linear colour mapping for example-based colour transfer"). Gatys et al. 2016, "Preserving color
    in neural artistic style transfer", give the style image the content's colours in this way.

    Directions in which the source varies less than SMALLEST_VARIANCE have no share in the inverse: a grey source
    stays grey, with the target's variance along grey, and an image of one colour becomes the target's mean.
    """
    (source_mean, source_covariance), (target_mean, target_covariance) = own, target
    values, vectors = torch.linalg.eigh(source_covariance)  # (..., 3), (..., 3, 3)
    values = values.where(values > SMALLEST_VARIANCE, torch.inf)
    inverse_root = compose(values.rsqrt(), vectors)
    root = source_covariance @ inverse_root
    values, vectors = torch.linalg.eigh(root @ target_covariance @ root)
    matrix = inverse_root @ compose(values.clamp(min=0).sqrt(), vectors) @ inverse_root  # (..., 3, 3)
    matched = target_mean + matrix @ (pixels(source) - source_mean)
    return matched.unflatten(-1, source.shape[-2:]).to(source)


def match_luminance(
    source: Tensor, target: Tensor, source_mask: Tensor | None = None, target_mask: Tensor | None = None
) -> Tensor:
    """The source with its luminance at the target's mean and deviation, and its own chroma, not clamped to [0, 1].

    Y' = (d_t / d_s) (Y_s - m_s) + m_t   (Gatys et al. 2016, "Preserving color in neural artistic style transfer"),
    and x' = x + Y' - Y_s. d_s^2 counts as SMALLEST_VARIANCE at least: a source of one luminance stays so.

    Args:
        source: (..., 3, H, W).
        target: (..., 3, H', W'); leading dimensions must broadcast with the source's.
        source_mask, target_mask: as of `match_statistics`.

    Returns:
        Like the source.
    """
    brightness = luminance(source)
    source_mean, source_variance = moments(brightness, source_mask)  # (..., 1, 1)
    target_mean, target_variance = moments(luminance(target), target_mask)
    scale = (target_variance / source_variance.clamp(min=SMALLEST_VARIANCE)).sqrt()
    matched = scale * (pixels(brightness) - source_mean) + target_mean
    return source + matched.unflatten(-1, source.shape[-2:]).to(source) - brightness


def keep_chroma(image: Tensor, content: Tensor) -> Tensor:
    """The luminance of `image` with the chroma (r-Y, g-Y, b-Y) of `content`.

    The end of a luminance-only transfer (Gatys et al. 2016, "Preserving color in neural artistic style transfer").
    A chroma c fits into [0, 1]^3 for luminances in [-min c, 1 - max c] only. Y is clamped to this interval, pixel by
    pixel, so that the chroma is exactly the content's; to clamp r, g and b afterwards would change it.

    Args:
        image: (..., 3, H, W), of any range.
        content: the same shape, in [0, 1].

    Returns:
        (..., 3, H, W) in [0, 1], up to the rounding of floats.
    """
    chroma = content - luminance(content)
    lowest, highest = -chroma.amin(-3, keepdim=True), 1 - chroma.amax(-3, keepdim=True)  # (..., 1, H, W)
    return luminance(image).clamp(lowest, highest) + chroma


def moments(images: Tensor, mask: Tensor | None = None) -> Moments:
    """Mean and covariance of (..., C, H, W) over its pixels, weighted by a mask (1, 1, H, W)."""
    values = pixels(images)
    counted = torch.ones(()) if mask is None else pixels(mask / mask.mean())
    mean = (counted * values).mean(-1, keepdim=True)
    centered = values - mean
    return mean, (counted * centered) @ centered.mT / values.shape[-1]


def mixture(parts: Sequence[Moments], shares: Sequence[float]) -> Moments:
    """The moments of several images taken together, weighted by `shares`, whose sum is 1."""
    pairs = list(zip(parts, shares, strict=True))
    mean = torch.stack([share * own for (own, _), share in pairs]).sum(0)
    offsets = [own - mean for own, _ in parts]
    within = torch.stack([share * covariance for (_, covariance), share in pairs]).sum(0)
    between = torch.stack([share * offset @ offset.mT for offset, share in zip(offsets, shares, strict=True)]).sum(0)
    return mean, within + between


def pixels(images: Tensor) -> Tensor:
    """(..., C, H, W) -> (..., C, H * W), float64 on the CPU."""
    return images.to("cpu", torch.float64).flatten(-2)


def compose(values: Tensor, vectors: Tensor) -> Tensor:
    """The symmetric matrices (..., C, C) of eigenvalues (..., C) and eigenvectors (..., C, C) in columns."""
    return (vectors * values.unsqueeze(-2)) @ vectors.mT
