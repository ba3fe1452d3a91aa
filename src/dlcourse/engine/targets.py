"""The classes and functions that a config may name in `_target_`; no others are imported or called.

Checkpoints and run folders contain their config, so an untrusted file chooses among these names. Only classes of this
project, its losses, and torch's optimizers belong here: never a package, and never a function that imports a module,
opens a connection or runs a program. To use your own class, add its name to those of its module.
"""


def names(modules: dict[str, str]) -> frozenset[str]:
    """Dotted names, of {module: names in it, separated by spaces}."""
    return frozenset(f"{module}.{name}" for module, inside in modules.items() for name in inside.split())


CLASSIFIERS = names({"dlcourse.nn.cnn": "CNN", "dlcourse.classifier.networks": "MLP"})
# Networks that read no file: they may be built from a file that holds weights.
NETWORKS = CLASSIFIERS | names(
    {
        "dlcourse.nn.attribute_network": "AttributeNetwork",
        "dlcourse.style_transfer.stylizer": "Stylizer",
        "dlcourse.stylegan.networks.discriminator": "Discriminator",
        "dlcourse.stylegan.networks.generator": "Generator",
        "dlcourse.stylegan.networks.variants": "huangzh13_discriminator huangzh13_generator mmgen_discriminator"
        " mmgen_generator rosinality_discriminator rosinality_generator",
    }
)
# Data sets and their augmentation: dlcourse evaluate may build them from a checkpoint's config.
DATASETS = names(
    {
        "dlcourse.classifier.data.augmentation": "Degrade FlipRotateCrop",
        "dlcourse.classifier.data.builtin": "Digits FaceAttributes Torchvision",
        "dlcourse.classifier.data.image_classes": "ImageClasses",
        "dlcourse.classifier.data.points": "Flower NoisyLine Points Rings ThreeColors",
        "dlcourse.classifier.data.points_file": "PointsFile",
        "dlcourse.datasets.faces.dataset": "Faces",
        "dlcourse.datasets.image_folder": "ImageFolder",
    }
)
# Optimizers and learning-rate schedules.
OPTIMIZERS = names(
    {
        "dlcourse.engine.schedules": "Constant Cosine Exponential Hyperbolic InverseSqrt OneCycle Plateau",
        "torch.optim": "ASGD Adadelta Adagrad Adam AdamW Adamax LBFGS NAdam RAdam RMSprop Rprop SGD",
    }
)
# Everything that dlcourse report may build from a classifier's checkpoint.
CLASSIFICATION = DATASETS | OPTIMIZERS | CLASSIFIERS | {"dlcourse.classifier.task.Classification"}
TARGETS = (
    NETWORKS
    | CLASSIFICATION
    | names(
        {
            "dlcourse.classifier.attribute_task": "Attributes",
            "dlcourse.classifier.gradient_check": "GradientCheck",
            "dlcourse.classifier.lr_range": "RangeTest",
            "dlcourse.datasets.contact_sheet": "ContactSheet",
            "dlcourse.engine.runner": "Runner",
            "dlcourse.nn.vgg": "VGG",
            "dlcourse.search.study": "Search",
            "dlcourse.style_transfer.adain_task": "FastStyleTransfer",
            "dlcourse.style_transfer.dataset": "ContentAndStyles",
            "dlcourse.style_transfer.training_images": "PhotosAndPaintings",
            "dlcourse.style_transfer.losses": "gram mean_squared_error moments relative_squared_error unchanged"
            " wasserstein2",
            "dlcourse.style_transfer.objective": "StyleObjective",
            "dlcourse.style_transfer.painter": "Painter",
            "dlcourse.style_transfer.task": "StyleTransfer",
            "dlcourse.style_transfer.video": "FrameSequence",
            "dlcourse.stylegan.augment": "AdaptiveAugment Augment DiffAugment",
            "dlcourse.stylegan.growth": "Growth",
            "dlcourse.stylegan.losses": "AdversarialLoss hinge_discriminator_loss hinge_generator_loss"
            " logistic_discriminator_loss logistic_generator_loss"
            " wasserstein_discriminator_loss wasserstein_generator_loss",
            "dlcourse.stylegan.metrics.evaluation": "Evaluation",
            "dlcourse.stylegan.metrics.extractors": "FaceFeatures InceptionFeatures Vgg19Features",
            "dlcourse.stylegan.projection": "Projection",
            "dlcourse.stylegan.sampling.editing": "Edit",
            "dlcourse.stylegan.sampling.grid": "Grid MeanImage Mixing Truncation Uncurated",
            "dlcourse.stylegan.sampling.interpolation": "Interpolate NoiseWalk",
            "dlcourse.stylegan.sampling.layer_mixing": "LayerMixing",
            "dlcourse.stylegan.sampling.layer_table": "Layers",
            "dlcourse.stylegan.sampling.noise": "Noise NoiseComponents",
            "dlcourse.stylegan.sampling.synthesizer": "Synthesizer",
            "dlcourse.stylegan.task": "StyleGAN Updates",
        }
    )
)
