"""The commands, one module each, and their shared code; only this folder imports Hydra."""
