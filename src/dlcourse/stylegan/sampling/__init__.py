"""Images from a trained generator; every image is addressed by its seed."""
