"""Draw pictures from a trained StyleGAN: python scripts/sample.py checkpoint=RUN_OR_FILE sampler=grid seeds=0-15"""

import re
from pathlib import Path

from omegaconf import DictConfig

import command_line


def sample(cfg: DictConfig) -> None:
    """Rebuild the averaged generator from the checkpoint's own config and let the sampler draw."""
    from dlcourse import checkpoint
    from dlcourse.build import build
    from dlcourse.errors import UserError
    from dlcourse.runner import find_device
    from dlcourse.sampling import save

    config = command_line.plain(cfg)
    sampler = build(config["sampler"], "sampler")
    path = checkpoint.newest(Path(config["checkpoint"]))
    saved = checkpoint.load(path)
    if "generator_ema" not in saved["state"]:
        raise UserError(f"{path}: not a StyleGAN checkpoint (it holds {', '.join(saved['state'])})")
    generator = build(saved["config"]["model"]["generator"], "model.generator")
    checkpoint.restore(saved, {"generator_ema": generator}, path)
    result = sampler(generator.eval().to(find_device(config["device"])))
    output = Path(config["output"] or default_output(path, config, result.name))
    for written in save(result, output, config["singles"]):
        print(written)


def default_output(checkpoint_path: Path, config: dict, name: str) -> Path:
    """<run>/samples/grid_step_0001000_seeds0-15_psi0.7.png, or in samples/ beside a checkpoint file."""
    folder = checkpoint_path.parent
    base = folder.parent if folder.name == "checkpoints" else folder
    sampler = re.sub(r"\B(?=[A-Z])", "_", config["sampler"]["_target_"].rpartition(".")[2]).lower()
    what = {"": name, "seeds": config["seeds"], "psi": config["truncation_psi"]}
    words = [key + re.sub(r"[^\w.,-]", "", str(value))[:40] for key, value in what.items() if value not in (None, "")]
    return base / "samples" / f"{'_'.join([sampler, checkpoint_path.stem, *words])}.png"


if __name__ == "__main__":
    command_line.command("sample", sample)
