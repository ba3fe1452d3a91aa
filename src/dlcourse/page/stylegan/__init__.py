"""The StyleGAN tab."""
