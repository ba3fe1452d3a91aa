"""The classes and functions that a config may name in `_target_`; no others are imported or called.

Checkpoints and run folders contain their config, so an untrusted file chooses among these names. Only classes of this
project, its losses, and torch's optimizers belong here: never a package, and never a function that imports a module,
opens a connection or runs a program. To use your own class, add a line.
"""

# Networks that read no file: they may be built from a file that holds weights.
NETWORKS = frozenset(
    {
        "dlcourse.nn.attribute_network.AttributeNetwork",
        "dlcourse.nn.cnn.CNN",
        "dlcourse.stylegan.networks.discriminator.Discriminator",
        "dlcourse.stylegan.networks.generator.Generator",
        "dlcourse.classifier.networks.MLP",
        "dlcourse.stylegan.networks.variants.huangzh13_discriminator",
        "dlcourse.stylegan.networks.variants.huangzh13_generator",
        "dlcourse.stylegan.networks.variants.mmgen_discriminator",
        "dlcourse.stylegan.networks.variants.mmgen_generator",
        "dlcourse.stylegan.networks.variants.rosinality_discriminator",
        "dlcourse.stylegan.networks.variants.rosinality_generator",
    }
)
# Data sets and their augmentation: evaluate.py may build them from a checkpoint's config.
DATASETS = frozenset(
    {
        "dlcourse.classifier.data.augmentation.Degrade",
        "dlcourse.classifier.data.builtin.Digits",
        "dlcourse.classifier.data.builtin.FaceAttributes",
        "dlcourse.datasets.faces.dataset.Faces",
        "dlcourse.classifier.data.augmentation.FlipRotateCrop",
        "dlcourse.classifier.data.image_classes.ImageClasses",
        "dlcourse.datasets.image_folder.ImageFolder",
        "dlcourse.classifier.data.points.Points",
        "dlcourse.classifier.data.points_file.PointsFile",
        "dlcourse.classifier.data.builtin.Torchvision",
        "dlcourse.classifier.data.points.Flower",
        "dlcourse.classifier.data.points.NoisyLine",
        "dlcourse.classifier.data.points.Rings",
        "dlcourse.classifier.data.points.ThreeColors",
    }
)
# Optimizers and learning-rate schedules.
OPTIMIZERS = frozenset(
    {
        "dlcourse.engine.schedules.Constant",
        "dlcourse.engine.schedules.Cosine",
        "dlcourse.engine.schedules.Exponential",
        "dlcourse.engine.schedules.Hyperbolic",
        "dlcourse.engine.schedules.InverseSqrt",
        "dlcourse.engine.schedules.OneCycle",
        "dlcourse.engine.schedules.Plateau",
        "torch.optim.ASGD",
        "torch.optim.Adadelta",
        "torch.optim.Adagrad",
        "torch.optim.Adam",
        "torch.optim.AdamW",
        "torch.optim.Adamax",
        "torch.optim.LBFGS",
        "torch.optim.NAdam",
        "torch.optim.RAdam",
        "torch.optim.RMSprop",
        "torch.optim.Rprop",
        "torch.optim.SGD",
    }
)
# Everything that report.py may build from a classifier's checkpoint.
CLASSIFICATION = (
    DATASETS
    | OPTIMIZERS
    | {"dlcourse.nn.cnn.CNN", "dlcourse.classifier.networks.MLP", "dlcourse.classifier.task.Classification"}
)
TARGETS = (
    NETWORKS
    | DATASETS
    | OPTIMIZERS
    | {
        "dlcourse.stylegan.augment.AdaptiveAugment",
        "dlcourse.stylegan.augment.Augment",
        "dlcourse.stylegan.augment.DiffAugment",
        "dlcourse.style_transfer.dataset.ContentAndStyles",
        "dlcourse.stylegan.growth.Growth",
        "dlcourse.stylegan.losses.AdversarialLoss",
        "dlcourse.stylegan.losses.hinge_discriminator_loss",
        "dlcourse.stylegan.losses.hinge_generator_loss",
        "dlcourse.stylegan.losses.logistic_discriminator_loss",
        "dlcourse.stylegan.losses.logistic_generator_loss",
        "dlcourse.stylegan.losses.wasserstein_discriminator_loss",
        "dlcourse.stylegan.losses.wasserstein_generator_loss",
        "dlcourse.style_transfer.losses.gram",
        "dlcourse.style_transfer.losses.mean_squared_error",
        "dlcourse.style_transfer.losses.moments",
        "dlcourse.style_transfer.losses.relative_squared_error",
        "dlcourse.style_transfer.losses.unchanged",
        "dlcourse.style_transfer.losses.wasserstein2",
        "dlcourse.stylegan.metrics.evaluation.Evaluation",
        "dlcourse.stylegan.metrics.extractors.FaceFeatures",
        "dlcourse.stylegan.metrics.extractors.InceptionFeatures",
        "dlcourse.stylegan.metrics.extractors.Vgg19Features",
        "dlcourse.nn.vgg.VGG19",
        "dlcourse.datasets.contact_sheet.ContactSheet",
        "dlcourse.style_transfer.video.FrameSequence",
        "dlcourse.classifier.gradient_check.GradientCheck",
        "dlcourse.classifier.lr_range.RangeTest",
        "dlcourse.engine.runner.Runner",
        "dlcourse.stylegan.sampling.synthesizer.Synthesizer",
        "dlcourse.stylegan.sampling.editing.Edit",
        "dlcourse.stylegan.sampling.grid.Grid",
        "dlcourse.stylegan.sampling.interpolation.Interpolate",
        "dlcourse.stylegan.sampling.layer_table.Layers",
        "dlcourse.stylegan.sampling.grid.MeanImage",
        "dlcourse.stylegan.sampling.grid.Mixing",
        "dlcourse.stylegan.sampling.noise.Noise",
        "dlcourse.stylegan.sampling.noise.NoiseComponents",
        "dlcourse.stylegan.sampling.interpolation.NoiseWalk",
        "dlcourse.stylegan.sampling.projection.Project",
        "dlcourse.stylegan.sampling.grid.Truncation",
        "dlcourse.stylegan.sampling.grid.Uncurated",
        "dlcourse.search.study.Search",
        "dlcourse.classifier.attribute_task.Attributes",
        "dlcourse.classifier.task.Classification",
        "dlcourse.stylegan.task.StyleGAN",
        "dlcourse.stylegan.task.Updates",
        "dlcourse.style_transfer.objective.StyleObjective",
        "dlcourse.style_transfer.task.StyleTransfer",
    }
)
