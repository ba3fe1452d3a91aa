"""A StyleGAN for other programs: python scripts/export_checkpoint.py CHECKPOINT TARGET.pkl or TARGET.onnx."""

from dlcourse.cli.start import run

run("dlcourse.cli.export_checkpoint", __name__)
