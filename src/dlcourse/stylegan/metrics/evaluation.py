"""All metrics of one generator against one data set."""

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, lerp
from torch.nn import functional as F

from dlcourse.datasets.faces.dataset import ATTRIBUTE_SCALE, Faces
from dlcourse.errors import UserError, check_at_least
from dlcourse.stylegan.metrics.disentanglement import (
    SCALES,
    StyleEffects,
    path_lengths,
    separability,
    style_effects,
    trimmed_mean,
)
from dlcourse.stylegan.metrics.distances import coverage, feature_moments, frechet_distance, kid, precision_recall
from dlcourse.stylegan.metrics.diversity import AttributeDiversity, attribute_diversity, effective_dimensions
from dlcourse.stylegan.metrics.extractors import Extractor
from dlcourse.stylegan.metrics.samples import Fakes, Reals, real_features
from dlcourse.stylegan.minibatches import ImageDataset
from dlcourse.stylegan.networks.generator import Generator, mix_styles
from dlcourse.stylegan.sampling.interpolation import slerp
from dlcourse.stylegan.sampling.ranges import default_ranges
from dlcourse.stylegan.sampling.synthesizer import check_images_finite, check_psi

Values = dict[str, float]
OF_DISTRIBUTIONS = ("fd", "kid", "precision_recall", "coverage")
OF_LATENTS = ("diversity",)
OF_PATHS = ("ppl",)
OF_ATTRIBUTES = ("separability", "styles")
METRICS = OF_DISTRIBUTIONS + OF_LATENTS + OF_PATHS + OF_ATTRIBUTES
TWO_LATENTS = "_two_latents"  # at the end of the tags of images of two latents


@dataclass(frozen=True)
class Measured:
    """What an evaluation found."""

    values: Values  # by tag, such as metrics/faces_fd
    effects: StyleEffects | None = None  # of style layers on attributes, if `styles` was asked for
    attributes: AttributeDiversity | None = None  # if `diversity` was, and the features tell attributes


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Measures a generator; the same seeds and settings give the same numbers for any batch size.

    The metrics are fd (Frechet distance), kid (kernel distance), precision_recall, coverage, diversity (coverage; the
    same of images of two latents each; effective dimensions of W; combinations and dependence of attributes), ppl
    (perceptual path length in Z and W, whole paths and ends), separability (in Z and W), styles (which style layers
    move which attributes, and the colour scheme). Baselines need two disjoint sets of reals, so a data set without
    twice `num_images` gives fewer.
    """

    extractor: Extractor  # gives the features that are compared; separability and styles need `FaceFeatures`
    metrics: list[str] | None  # None: all that the features and the data set allow
    num_images: int  # number of fakes and of reals, >= 8
    num_paths: int  # of the path lengths, >= 1
    num_pairs: int  # of the style swaps, >= 1
    truncation_psi: float  # for all but the path lengths; 1 is no truncation
    batch_size: int  # images at a time, >= 1
    seed: int  # of the first fake; the others have the next ones
    cache: str | None  # folder for features of reals; None: do not keep them

    def __post_init__(self) -> None:
        check_at_least(8, num_images=self.num_images)
        check_at_least(1, num_paths=self.num_paths, num_pairs=self.num_pairs, batch_size=self.batch_size)
        check_at_least(0, seed=self.seed)
        if self.metrics is not None and not (self.metrics and set(self.metrics) <= set(METRICS)):
            raise ValueError(f"metrics must be some of {', '.join(METRICS)}, got {self.metrics}")
        check_psi(self.truncation_psi)

    def __call__(self, generator: Generator, dataset: ImageDataset, lod: float = 0.0) -> Values:
        """The numbers of `measure`, for TensorBoard during training."""
        return self.measure(generator, dataset, lod).values

    @torch.no_grad()
    def measure(self, generator: Generator, dataset: ImageDataset, lod: float = 0.0) -> Measured:
        """All metrics that were asked for.

        `lod` is the level of detail while the generator grows; the reals always have full resolution. UserError if the
        features or the data set do not allow a metric, or if images or measured values are no finite numbers.
        """
        if dataset.resolution != generator.resolution:
            sizes = f"{dataset.resolution} pixels per side, the generator {generator.resolution}"
            raise UserError(f"the data set has {sizes}")
        asked = set(self.chosen(dataset))
        self.extractor.to(generator.w_avg.device)
        fakes = Fakes(generator, self.extractor, self.truncation_psi, self.batch_size, lod)
        values: Values = {}
        attributes = None
        if asked & {*OF_DISTRIBUTIONS, *OF_LATENTS, "separability"}:
            reals = self.reals(dataset)
            seeds = range(self.seed, self.seed + len(reals.reference))
            w = fakes.w(seeds)
            features = fakes.features(fakes.styles(w), seeds)
            values |= self.of_distributions(reals.reference, features.cpu(), asked)
            if "diversity" in asked:
                attributes = self.attributes(features, dataset)
                values |= {"metrics/w_dimensions": effective_dimensions(w)} | of_attributes(attributes)
                values |= self.of_two_latents(fakes, w, seeds, reals.reference, dataset)
            if "separability" in asked:
                values |= self.separabilities(features, {"z": fakes.z(seeds), "w": w})
        if "ppl" in asked:
            values |= self.path_lengths(fakes)
        effects = self.effects(fakes) if "styles" in asked else None
        return Measured(finite_metrics(values | ({} if effects is None else summary(effects))), effects, attributes)

    @torch.no_grad()
    def between_reals(self, dataset: ImageDataset) -> Values:
        """The metrics of distributions between two sets of reals, which no generator should beat."""
        asked = set(self.chosen(dataset)) & {*OF_DISTRIBUTIONS, *OF_LATENTS}
        if not asked:
            return {}
        reals = self.reals(dataset)
        attributes = self.attributes(reals.others, dataset) if "diversity" in asked else None
        return self.of_distributions(*reals, asked) | of_attributes(attributes)

    def chosen(self, dataset: ImageDataset) -> list[str]:
        """The names in `metrics`, or all possible ones; UserError for one that is not possible."""
        possible = [*OF_DISTRIBUTIONS, *OF_LATENTS]
        if self.extractor.is_smooth:
            possible += OF_PATHS
        if self.knows_attributes(dataset):
            possible += OF_ATTRIBUTES
        asked = possible if self.metrics is None else self.metrics
        if refused := [name for name in asked if name not in possible]:
            raise UserError(
                f"metrics={','.join(refused)}: not with {self.extractor.tag} features and this data set, which allow "
                f"{', '.join(possible)}; attributes are known of the procedural faces alone, by evaluation=faces"
            )
        return asked

    def knows_attributes(self, dataset: ImageDataset) -> bool:
        """Whether the features tell the attributes of these images."""
        if not (self.extractor.knows_attributes and isinstance(dataset, Faces)):
            return False
        network = self.extractor.attribute_network()
        return ATTRIBUTE_SCALE.keys() <= network.continuous.keys() | network.categorical.keys()

    def attributes(self, features: Tensor, dataset: ImageDataset) -> AttributeDiversity | None:
        """The diversity of the attributes of images, by their features (N, F); None if they have no attributes."""
        if not self.knows_attributes(dataset):
            return None
        network = self.extractor.attribute_network()
        return attribute_diversity(network, features.to(next(network.parameters()).device))

    def of_two_latents(self, fakes: Fakes, w: Tensor, seeds: range, reals: Tensor, dataset: ImageDataset) -> Values:
        """Distance, overlap and attributes of images whose finer layers take the style of another latent."""
        features = fakes.features(fakes.mixed_styles(w, seeds), seeds)
        values = self.of_distributions(reals, features.cpu(), ("fd", "precision_recall", "coverage"))
        values |= of_attributes(self.attributes(features, dataset))
        return {f"{tag}{TWO_LATENTS}": value for tag, value in values.items()}

    def reals(self, dataset: ImageDataset) -> Reals:
        return real_features(dataset, self.extractor, self.num_images, self.seed, self.batch_size, self.cache)

    def of_distributions(self, reals: Tensor, fakes: Tensor, asked: Collection[str]) -> Values:
        """The metrics in `asked` that compare two sets of features."""
        found: Values = {}
        if "fd" in asked:
            found["fd"] = frechet_distance(feature_moments(reals), feature_moments(fakes))
        if "kid" in asked:
            found["kid"] = kid(reals, fakes)
        if "precision_recall" in asked:
            found["precision"], found["recall"] = precision_recall(reals, fakes)
        if {"coverage", "diversity"} & {*asked}:
            found["coverage"], found["radius"] = coverage(reals, fakes)
        return {f"metrics/{self.extractor.label(name)}": value for name, value in found.items()}

    def separabilities(self, features: Tensor, spaces: dict[str, Tensor]) -> Values:
        """Separability in each space; a continuous attribute counts as two classes, the halves of its range."""
        network = self.extractor.attribute_network()
        prediction = network.read(features)
        labels = {}
        for name, logits in prediction.logits.items():
            confidence, classes = logits.softmax(1).max(1)
            labels[name] = classes, confidence
        for name, values in prediction.values.items():
            distance = network.standardized(name, values)
            labels[name] = (distance > 0).long(), distance.abs()
        found: Values = {}
        for space, latents in spaces.items():
            score, entropy_left = separability(latents, labels)
            found |= {f"metrics/separability_{space}": score, f"metrics/entropy_left_{space}": entropy_left}
        return found

    def path_lengths(self, fakes: Fakes) -> Values:
        """Path lengths in Z and W, of whole paths and of their ends, without truncation, with the stored noise."""
        fakes = fakes.in_double_precision()
        generator = fakes.generator

        def images(w: Tensor) -> Tensor:
            drawn = generator.synthesis(generator.broadcast(w), "const", fakes.lod)
            check_images_finite(drawn)
            return (drawn + 1) / 2

        found = defaultdict(list)
        for seeds in fakes.batches(range(self.seed, self.seed + self.num_paths)):
            others = range(seeds.start + self.num_paths, seeds.stop + self.num_paths)
            labels = fakes.labels(seeds)
            both = None if labels is None else labels.repeat(2, 1)
            draws = [torch.rand(1, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
            z = fakes.z(seeds), fakes.z(others)
            t = torch.stack(draws).to(z[0])  # (N, 1)
            of_direction = lambda z, both=both: images(generator.mapping(z * z.shape[1] ** 0.5, both))
            paths: dict[str, tuple[list[Tensor], Any, Any]] = {
                "z": ([F.normalize(one) for one in z], slerp, of_direction),
                "w": ([generator.mapping(one, labels) for one in z], lerp, images),
            }
            for name, place in {"full": t, "ends": torch.zeros_like(t)}.items():
                for space, (ends, between, draw) in paths.items():
                    lengths = path_lengths(ends[0], ends[1], place, between, draw, fakes.extractor)
                    found[f"ppl_{space}_{name}"].append(lengths)
        return {
            f"metrics/{self.extractor.label(name)}": trimmed_mean(torch.cat(lengths)) for name, lengths in found.items()
        }

    def effects(self, fakes: Fakes) -> StyleEffects:
        """How attributes change when layers of one seed's image take another seed's style."""
        network, count = self.extractor.attribute_network(), self.num_pairs
        first = range(self.seed, self.seed + count)
        own, other = (fakes.styles(fakes.w(seeds)) for seeds in (first, range(first.stop, first.stop + count)))
        layers = range(fakes.generator.num_layers)
        swaps = default_ranges(len(layers)) | {str(layer): [layer, layer + 1] for layer in layers}
        swaps["all"] = [0, len(layers)]
        before = fakes.look(own, network)
        after = {name: fakes.look(mix_styles(own, other, *limits), network) for name, limits in swaps.items()}
        return style_effects(network, before, after, list(SCALES))


def of_attributes(attributes: AttributeDiversity | None) -> Values:
    """The two numbers of a diversity of attributes; none if there are no attributes."""
    if attributes is None:
        return {}
    return {"metrics/combinations": float(attributes.combinations), "metrics/largest_v": attributes.largest}


def finite_metrics(values: Values) -> Values:
    """The values; UserError if one is not finite."""
    wrong = [f"{tag} is {value}" for tag, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise UserError(
            f"{', '.join(wrong)}: the weights of the generator, or of the features, are damaged or diverged"
        )
    return values


def summary(effects: StyleEffects) -> Values:
    """For each range of styles and each scale, how often the attributes of that scale move on average: 9 numbers."""
    found: Values = {}
    for style_range in ("coarse", "middle", "fine"):
        for scale in dict.fromkeys(SCALES.values()):
            rates = [moved[style_range] for name, moved in effects.moved.items() if SCALES[name] == scale]
            found[f"styles/{style_range}_moves_{scale}"] = sum(rates) / len(rates)
    return found
