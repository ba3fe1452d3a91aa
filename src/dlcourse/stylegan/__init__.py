"""StyleGAN v1 (Karras, Laine, Aila 2019): networks, training, sampling, metrics and foreign checkpoints."""
