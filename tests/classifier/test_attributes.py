"""A network that reads the attributes of faces, and how it is taught."""

import pytest
import torch

from dlcourse.classifier.attribute_task import Attributes
from dlcourse.classifier.data.augmentation import Degrade
from dlcourse.datasets.faces.dataset import Faces
from dlcourse.nn.attribute_network import AttributeNetwork, AttributePrediction

CONTINUOUS, CATEGORICAL = {"yaw": [-1.0, 1.0], "skin": [0.0, 1.0]}, {"glasses": 2, "hair_style": 8}


def small_network(resolution=16):
    return AttributeNetwork(resolution, [8, 8], CONTINUOUS, CATEGORICAL).eval()


def make_task(**changes):
    settings = {
        "model": small_network(),
        "dataset": Faces(16, 8, 0, label="glasses", num_classes=0, texture=0),
        "dev_dataset": Faces(16, 8, 1, label="glasses", num_classes=0, texture=0),
        "augment": Degrade(soft=0.5, noise=0.1),
        "optimizer": lambda parameters: torch.optim.SGD(parameters, 0.1),
        "scheduler": lambda updates: 1.0,
        "batch_size": 4,
        "seed": 0,
    }
    return Attributes(**settings | changes)


def test_every_attribute_has_its_own_outputs_in_its_own_units():
    network, images = small_network(), torch.rand(5, 3, 16, 16)
    values, logits = network(images)
    assert {name: value.shape for name, value in values.items()} == {"yaw": (5,), "skin": (5,)}
    assert {name: value.shape for name, value in logits.items()} == {"glasses": (5, 2), "hair_style": (5, 8)}
    network.cnn.classifier.weight.data.zero_()
    network.cnn.classifier.bias.data[:2] = 1.0  # the upper ends of the ranges
    assert network(images).values["yaw"].unique().item() == network(images).values["skin"].unique().item() == 1.0


def test_other_sizes_are_resized_and_features_are_what_the_heads_see():
    network = small_network()
    big = torch.rand(2, 3, 1, 1).expand(-1, -1, 64, 64)
    torch.testing.assert_close(network.features(big), network.features(big[..., :16, :16]))
    read, direct = network.read(network.features(big)), network(big)
    assert all(torch.equal(read.values[name], direct.values[name]) for name in CONTINUOUS)


def test_standardized_has_the_deviation_of_a_uniform_variable():
    values = torch.linspace(-1, 1, 10001)
    standard = small_network().standardized("yaw", values)
    assert standard.std() == pytest.approx(1, abs=1e-3) and standard.mean() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("continuous", "categorical", "message"),
    [
        ({"yaw": [1.0, 1.0]}, {}, "continuous.yaw must be"),
        ({}, {"glasses": 1}, "categorical.glasses must be at least 2"),
        ({}, {}, "at least one attribute"),
    ],
)
def test_senseless_attributes_are_refused(continuous, categorical, message):
    with pytest.raises(ValueError, match=message):
        AttributeNetwork(16, [4], continuous, categorical)


def test_a_network_of_other_attributes_is_refused():
    with pytest.raises(ValueError, match="faces have no beard"):
        make_task(model=AttributeNetwork(16, [4], {}, {"beard": 2}))


def test_the_loss_is_zero_at_the_truth_and_one_per_attribute_at_the_mean():
    task = make_task(model=AttributeNetwork(16, [4], CONTINUOUS, {}))
    uniform = torch.linspace(-1, 1, 2001)
    truth = {"yaw": uniform, "skin": (uniform + 1) / 2}
    assert task.loss(AttributePrediction(truth, {}), truth) == 0
    ignorant = AttributePrediction({"yaw": torch.zeros(2001), "skin": torch.full((2001,), 0.5)}, {})
    assert task.loss(ignorant, truth) == pytest.approx(1, abs=1e-2)


def test_degrading_softens_some_and_adds_noise_to_all():
    checkers = (torch.arange(8)[:, None] + torch.arange(8)).remainder(2).float().expand(200, 3, 8, 8)
    soft = Degrade(soft=0.3, noise=0.0)(checkers)
    is_soft = (soft - 0.5).abs().amax((1, 2, 3)) < 0.01
    assert 0.15 < is_soft.float().mean() < 0.45
    assert torch.equal(soft[~is_soft], checkers[~is_soft])
    noisy = Degrade(soft=0.0, noise=0.1)(torch.full((200, 3, 8, 8), 127, dtype=torch.uint8))
    deviation = noisy.std((1, 2, 3))
    assert deviation.min() < 0.02 and 0.08 < deviation.max() < 0.12
    assert Degrade(soft=0.0, noise=0.0)(checkers).equal(checkers)


@pytest.mark.parametrize(("soft", "noise", "message"), [(1.5, 0.0, "soft must be"), (0.0, -1.0, "noise must be")])
def test_senseless_degrading_is_refused(soft, noise, message):
    with pytest.raises(ValueError, match=message):
        Degrade(soft, noise)
