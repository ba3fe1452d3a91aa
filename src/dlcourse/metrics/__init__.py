"""How good generated pictures are, and what the styles do: by features of a network, and by known attributes."""

from dlcourse.metrics.evaluation import METRICS, Evaluation, Findings
from dlcourse.metrics.extractors import Extractor, FaceFeatures, InceptionFeatures, Vgg19Features

__all__ = ["METRICS", "Evaluation", "Extractor", "FaceFeatures", "Findings", "InceptionFeatures", "Vgg19Features"]
