"""The networks of StyleGAN v1, numerically the official TensorFlow graph (arXiv:1812.04948)."""
