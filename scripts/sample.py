"""Draw pictures from a trained StyleGAN: python scripts/sample.py checkpoint=RUN_OR_FILE seeds=0-15"""

from pathlib import Path

from omegaconf import DictConfig

import command_line


def sample(cfg: DictConfig) -> None:
    """Rebuild the averaged generator from the checkpoint's own config and let the sampler draw."""
    from dlcourse import checkpoint
    from dlcourse.build import build
    from dlcourse.errors import UserError
    from dlcourse.picture_files import save_picture
    from dlcourse.runner import find_device

    config = command_line.plain(cfg)
    sampler = build(config["sampler"], "sampler")
    path = checkpoint.newest(Path(config["checkpoint"]))
    saved = checkpoint.load(path)
    if "generator_ema" not in saved["state"]:
        raise UserError(f"{path}: not a StyleGAN checkpoint (it holds {', '.join(saved['state'])})")
    generator = build(saved["config"]["model"]["generator"], "model.generator")
    checkpoint.restore(saved, {"generator_ema": generator}, path)
    picture = sampler(generator.eval().to(find_device(config["device"])))

    output = Path(config["output"] or default_output(path, config))
    try:
        save_picture(picture, output)
    except (OSError, ValueError) as error:
        raise UserError(f"output={error}") from error
    print(output)


def default_output(checkpoint_path: Path, config: dict) -> Path:
    """<run>/samples/grid_step_0001000_seeds0-15_psi0.7.png, or in samples/ beside a checkpoint file."""
    folder = checkpoint_path.parent
    base = folder.parent if folder.name == "checkpoints" else folder
    seeds = "".join(char for char in str(config["seeds"]) if char in "0123456789-,")[:40]
    name = config["sampler"]["_target_"].rpartition(".")[2].lower()
    return base / "samples" / f"{name}_{checkpoint_path.stem}_seeds{seeds}_psi{config['truncation_psi']}.png"


if __name__ == "__main__":
    command_line.command("sample", sample)
