"""The commands, one module for each, and what they share; the only home that imports Hydra."""
