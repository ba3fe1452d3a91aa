"""Diversity: how many different images a generator makes, and whether its attributes are free of each other.

Letters: N images, D dimensions, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.nn.attribute_network import AttributeNetwork

COMBINED = ("hair_style", "glasses", "hair_color", "background_color")  # 896 combinations, all equally likely
MOST_COUNTED = 1000  # images whose combinations are counted, so that counts of larger sets are comparable
PARTS = 4  # of the range of a continuous attribute, which are its classes
MOST_TOLD = 5  # pairs of attributes in a table


@dataclass(frozen=True)
class AttributeDiversity:
    """What the attributes of N images say.

    `combinations` counts the different values of the attributes in COMBINED among the first MOST_COUNTED images;
    `associations` has Cramer's V of each pair of attributes, the largest first. Both need N >= 2.
    """

    combinations: int
    associations: dict[tuple[str, str], float]

    @property
    def largest(self) -> float:
        return next(iter(self.associations.values()))

    def lines(self) -> list[str]:
        """The pairs of attributes that depend on each other most."""
        pairs = list(self.associations.items())[:MOST_TOLD]
        return [f"{first} and {second}: V = {value:.2f}" for (first, second), value in pairs]


def attribute_diversity(network: AttributeNetwork, features: Tensor) -> AttributeDiversity:
    """The diversity of the attributes that a network reads from features (N, F)."""
    classes = attribute_classes(network, features)
    chosen = torch.stack([classes[name][:MOST_COUNTED] for name in COMBINED], 1)
    found = {(a, b): cramers_v(classes[a], classes[b]) for a, b in combinations(classes, 2)}
    order = sorted(found, key=lambda pair: -found[pair])
    return AttributeDiversity(len(chosen.unique(dim=0)), {pair: found[pair] for pair in order})


def attribute_classes(network: AttributeNetwork, features: Tensor) -> Mapping[str, Tensor]:
    """Attribute -> the class of each image, (N) int64; of continuous ones, which part of the range."""
    prediction = network.read(features)
    classes = {name: logits.argmax(1) for name, logits in prediction.logits.items()}
    for name, values in prediction.values.items():
        low, high = network.continuous[name]
        classes[name] = (PARTS * (values - low) / (high - low)).long().clamp(0, PARTS - 1)
    return classes


def cramers_v(x: Tensor, y: Tensor) -> float:
    """Cramer's V of classes (N), (N), in [0, 1]: 0 if they are independent, 1 if one tells the other.

    V^2 = phi^2 / min(K_x - 1, K_y - 1) with phi^2 = chi^2 / N, where phi^2 and the numbers of classes are corrected for
    the bias of small samples   (Bergsma 2013). 0 if all images are of one class.
    """
    x, y = (classes.unique(return_inverse=True)[1] for classes in (x, y))  # only those that occur
    joint = F.one_hot(x).double().mT @ F.one_hot(y).double()
    count, (rows, columns) = float(joint.sum()), joint.shape
    expected = joint.sum(1, keepdim=True) * joint.sum(0) / count
    phi_squared = float(((joint - expected).square() / expected).sum()) / count
    corrected = max(0.0, phi_squared - (rows - 1) * (columns - 1) / (count - 1))
    least = min(size - (size - 1) ** 2 / (count - 1) for size in (rows, columns)) - 1
    return min(1.0, (corrected / least) ** 0.5) if least > 0 else 0.0


def effective_dimensions(w: Tensor) -> float:
    """The participation ratio (sum l)^2 / sum l^2 of the eigenvalues l of the covariance of w, (N, D), in [1, D].

    D if all directions have the same variance, 1 if one direction has all of it; 0 if all w are equal.
    """
    centred = w.double() - w.double().mean(0)
    covariance = centred.mT @ centred
    return float(covariance.trace().square() / covariance.square().sum().clamp(min=1e-300))
