"""A StyleGAN for other programs: dlcourse export_checkpoint CHECKPOINT TARGET.pkl or TARGET.onnx."""

from dlcourse.cli.start import run

run("dlcourse.cli.export_checkpoint", __name__)
