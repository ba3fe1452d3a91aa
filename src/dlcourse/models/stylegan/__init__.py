"""StyleGAN v1, numerically the official TensorFlow graph (Karras et al. 2019, arXiv:1812.04948)."""

from dlcourse.models.stylegan.discriminator import Discriminator
from dlcourse.models.stylegan.generator import Generator, mix_styles, truncate

__all__ = ["Discriminator", "Generator", "mix_styles", "truncate"]
