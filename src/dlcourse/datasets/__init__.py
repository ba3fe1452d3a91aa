"""Image data sets: where images lie, how they are decoded and cached, and batches of them."""
