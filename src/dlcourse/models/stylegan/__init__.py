"""StyleGAN v1, numerically the official TensorFlow graph (Karras et al. 2019, arXiv:1812.04948)."""

from dlcourse.models.stylegan.discriminator import Discriminator
from dlcourse.models.stylegan.generator import Generator, mix_styles, truncate
from dlcourse.models.stylegan.synthesis import constant_weights

__all__ = ["Discriminator", "Generator", "constant_weights", "mix_styles", "truncate"]
