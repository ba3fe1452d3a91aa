"""A generator as an ONNX file, for programs without PyTorch; needs the extra `onnx`."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from dlcourse.errors import UserError
from dlcourse.stylegan.networks.generator import Generator

INSTALL = "ONNX needs packages that are not installed: pip install 'dlcourse[onnx]'"
MAX_BATCH = 1024


class Images(nn.Module):
    """z, truncation_psi and, of a conditional generator, labels -> images, with the stored noise."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, z: Tensor, truncation_psi: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.generator(z, labels, truncation_psi)


def inputs_of(generator: Generator, batch: int, seed: int) -> dict[str, Tensor]:
    """The inputs of the ONNX graph by name, with z drawn from a seed."""
    random = torch.Generator().manual_seed(seed)
    inputs = {"z": torch.randn(batch, generator.z_dim, generator=random), "truncation_psi": torch.tensor(0.7)}
    if generator.num_classes:
        inputs["labels"] = torch.eye(generator.num_classes)[torch.arange(batch) % generator.num_classes]
    return inputs


@torch.no_grad()
def write_onnx(generator: Generator, path: Path) -> None:
    """Write the generator, for any number of images up to MAX_BATCH."""
    inputs = inputs_of(generator, 2, seed=0)
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    sizes = {name: {0: batch} if value.ndim else None for name, value in inputs.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own, about PyTorch
            program = torch.onnx.export(
                Images(generator).eval(),
                kwargs=inputs,
                dynamo=True,
                verbose=False,
                input_names=list(inputs),
                output_names=["images"],
                dynamic_shapes=sizes,
            )
    except ImportError as error:
        raise UserError(f"{INSTALL} ({error})") from error
    assert program is not None
    program.save(path)


@torch.no_grad()
def onnx_error(generator: Generator, path: Path) -> float:
    """The largest difference between the file's images and ours, relative to the largest value of ours."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{INSTALL} ({error})") from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = inputs_of(generator, 3, seed=1)
    expected = Images(generator)(**inputs)
    (images,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return float((torch.from_numpy(images) - expected).abs().max() / expected.abs().max())
