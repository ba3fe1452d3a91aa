"""A StyleGAN for other programs: python scripts/export_checkpoint.py CHECKPOINT TARGET.pkl or TARGET.onnx."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.export_checkpoint import main

    main()
