"""Networks. They only compute: no loss, optimizer, device, seed, file or print in here."""

from dlcourse.models.attributes import AttributeNetwork
from dlcourse.models.cnn import CNN
from dlcourse.models.mlp import MLP
from dlcourse.models.normalize import Normalize
from dlcourse.models.stylegan import Discriminator, Generator
from dlcourse.models.vgg import VGG19

__all__ = ["CNN", "MLP", "VGG19", "AttributeNetwork", "Discriminator", "Generator", "Normalize"]
