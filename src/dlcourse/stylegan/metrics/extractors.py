"""The networks whose features are compared. Letters: N images, F features."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.run_folder import newest
from dlcourse.errors import UserError, reason_of
from dlcourse.files import torch_file
from dlcourse.files.locations import CHECKPOINTS
from dlcourse.nn.attribute_network import AttributeNetwork
from dlcourse.nn.vgg import LAYERS, VGG

BUNDLED = CHECKPOINTS / "face_attributes.pt"
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)


class Extractor(nn.Module):
    """Images (N, 3, H, W) in [0, 1] -> features (N, F), by a frozen network."""

    tag: str  # prefix of the metrics' names
    knows_attributes = False  # whether it predicts the attributes of procedural faces
    is_smooth = True  # whether features follow changes far below one grey level, as path lengths need

    def label(self, metric: str) -> str:
        """The name of a metric with these features, such as faces_fd."""
        return f"{self.tag}_{metric}"

    def attribute_network(self) -> AttributeNetwork:
        """The network that predicts the attributes of procedural faces; UserError if there is none."""
        raise UserError(f"{self.tag} features know no attributes; take evaluation=faces")

    def fingerprint(self) -> str:
        """A hash of the name and the weights."""
        digest = hashlib.sha256(self.tag.encode())
        for name, tensor in self.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:20]


class FaceFeatures(Extractor):
    """The features below the heads of a network of experiment=face_attributes, for procedural faces; no FID.

    `weights` is a run or a checkpoint of that experiment; None is the bundled one.
    """

    tag = "faces"
    knows_attributes = True

    def __init__(self, weights: str | None):
        super().__init__()
        saved = Checkpoint.load(newest(BUNDLED if weights is None else Path(weights)))
        network = saved.network("model", AttributeNetwork, "not a checkpoint of experiment=face_attributes")
        self.network = network.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        return self.network.features(images)

    def attribute_network(self) -> AttributeNetwork:
        return self.network


class Vgg19Features(Extractor):
    """The mean over positions of one layer of VGG19, such as relu5_1; images below 64 pixels are enlarged.

    For `weights` see `VGG`; ValueError if they are missing.
    """

    tag = "vgg19"

    def __init__(self, weights: str, layer: str):
        super().__init__()
        if layer not in LAYERS:
            raise ValueError(f"layer must be one of {', '.join(LAYERS)}, got {layer!r}")
        try:
            self.network = VGG(
                weights,
                depth=19,
                preprocessing=None,
                pooling="max",
                pooling_gain=1.0,
                padding="zeros",
                channels_last=False,
            )
        except ValueError as error:  # the message ends with advice for style transfer
            raise ValueError(f"{str(error).partition('; without it')[0]}, or take evaluation=faces") from error
        self.layer = layer
        self.network.truncate([layer])

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-1] < 64:
            images = F.interpolate(images, (64, 64), mode="bilinear", align_corners=False)
        return self.network(images, [self.layer])[self.layer].mean((2, 3))


class InceptionFeatures(Extractor):
    """The 2048 features of TensorFlow's Inception v3, which define FID and KID; they need torch-fidelity.

    `weights` is torch-fidelity's file; None: the one in torch's cache. Nothing is downloaded; ValueError if missing.
    """

    tag = "inception"
    is_smooth = False  # it rounds images to grey levels

    def __init__(self, weights: str | None):
        super().__init__()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError:
            raise ValueError(
                "Inception comes with torch-fidelity, which is missing: pip install torch-fidelity"
            ) from None
        name = INCEPTION_URL.rpartition("/")[2]
        path = Path(torch.hub.get_dir(), "checkpoints", name) if weights is None else Path(weights)
        if not path.is_file():
            raise ValueError(
                f"Inception's weights are not there: put {INCEPTION_URL} at {path}, or take evaluation=faces"
            )
        try:
            torch_file.load(path)  # torch-fidelity would run code in the file
            self.network = FeatureExtractorInceptionV3("inception", ["2048"], str(path))
        except Exception as error:  # a broken or hostile file fails in any of pickle's and zip's ways
            raise ValueError(f"{path}: not the weights of torch-fidelity's Inception ({reason_of(error)})") from error

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images * 255).round().to(torch.uint8))[0]

    def label(self, metric: str) -> str:
        return {"fd": "fid", "kid": "kid"}.get(metric, super().label(metric))
