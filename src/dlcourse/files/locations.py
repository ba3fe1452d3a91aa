"""The folders of configs and checkpoints that come with the project: in the package of a wheel, or in the checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE if (PACKAGE / "configs").is_dir() else PACKAGE.parents[1]
CONFIGS = ROOT / "configs"
CHECKPOINTS = ROOT / "checkpoints"
STYLEGAN_FACES = CHECKPOINTS / "stylegan_faces.pt"
ADAIN_DECODER = CHECKPOINTS / "adain_decoder.pt"
