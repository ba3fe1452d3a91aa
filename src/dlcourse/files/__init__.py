"""Files that nobody has to trust, and files that are written whole or not at all."""
