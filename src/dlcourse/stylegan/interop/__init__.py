"""StyleGAN v1 of other implementations: one file per format; files.py reads and writes them."""
