"""What a config may name in `_target_`: these classes and functions and nothing else is imported or called for it.

A checkpoint and a run folder carry their config, so a stranger's file chooses among these names. Only classes of this
project, its losses, and torch's optimizers belong here: never a package, and never a function that imports a module,
opens a connection or runs a program. A class of your own is one more line.
"""

# Networks that read no file: what is built of a file that holds weights.
NETWORKS = frozenset(
    {
        "dlcourse.models.AttributeNetwork",
        "dlcourse.models.CNN",
        "dlcourse.models.Discriminator",
        "dlcourse.models.Generator",
        "dlcourse.models.MLP",
        "dlcourse.models.stylegan.variants.huangzh13_discriminator",
        "dlcourse.models.stylegan.variants.loose_generator",
        "dlcourse.models.stylegan.variants.mmgen_discriminator",
        "dlcourse.models.stylegan.variants.mmgen_generator",
        "dlcourse.models.stylegan.variants.rosinality_discriminator",
        "dlcourse.models.stylegan.variants.rosinality_generator",
    }
)
# Data sets and their augmentation: what evaluate.py builds of a checkpoint's config.
DATASETS = frozenset(
    {
        "dlcourse.data.Degrade",
        "dlcourse.data.Digits",
        "dlcourse.data.FaceAttributes",
        "dlcourse.data.Faces",
        "dlcourse.data.FlipRotateCrop",
        "dlcourse.data.ImageClasses",
        "dlcourse.data.ImageFolder",
        "dlcourse.data.Points",
        "dlcourse.data.PointsFile",
        "dlcourse.data.Torchvision",
        "dlcourse.data.patterns.Flower",
        "dlcourse.data.patterns.NoisyLine",
        "dlcourse.data.patterns.Rings",
        "dlcourse.data.patterns.ThreeColors",
    }
)
# Optimizers and schedules of their learning rates.
OPTIMIZERS = frozenset(
    {
        "dlcourse.schedules.Constant",
        "dlcourse.schedules.Cosine",
        "dlcourse.schedules.Exponential",
        "dlcourse.schedules.Hyperbolic",
        "dlcourse.schedules.InverseSqrt",
        "dlcourse.schedules.OneCycle",
        "dlcourse.schedules.Plateau",
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
# What report.py builds of a classifier's checkpoint.
CLASSIFICATION = DATASETS | OPTIMIZERS | {"dlcourse.models.CNN", "dlcourse.models.MLP", "dlcourse.tasks.Classification"}
TARGETS = (
    NETWORKS
    | DATASETS
    | OPTIMIZERS
    | {
        "dlcourse.augment.AdaptiveAugment",
        "dlcourse.augment.Augment",
        "dlcourse.augment.DiffAugment",
        "dlcourse.data.ContentAndStyles",
        "dlcourse.growth.Growth",
        "dlcourse.losses.gan.AdversarialLoss",
        "dlcourse.losses.gan.hinge_discriminator_loss",
        "dlcourse.losses.gan.hinge_generator_loss",
        "dlcourse.losses.gan.interpolation_penalty",
        "dlcourse.losses.gan.logistic_discriminator_loss",
        "dlcourse.losses.gan.logistic_generator_loss",
        "dlcourse.losses.gan.r1_penalty",
        "dlcourse.losses.gan.wasserstein_discriminator_loss",
        "dlcourse.losses.gan.wasserstein_generator_loss",
        "dlcourse.losses.style.gram",
        "dlcourse.losses.style.mean_squared_error",
        "dlcourse.losses.style.moments",
        "dlcourse.losses.style.relative_squared_error",
        "dlcourse.losses.style.unchanged",
        "dlcourse.losses.style.wasserstein2",
        "dlcourse.metrics.Evaluation",
        "dlcourse.metrics.FaceFeatures",
        "dlcourse.metrics.InceptionFeatures",
        "dlcourse.metrics.Vgg19Features",
        "dlcourse.models.VGG19",
        "dlcourse.reports.contact_sheet.ContactSheet",
        "dlcourse.reports.frames.FrameSequence",
        "dlcourse.reports.gradient_check.GradientCheck",
        "dlcourse.reports.lr_range.RangeTest",
        "dlcourse.runner.Runner",
        "dlcourse.sampling.Drawing",
        "dlcourse.sampling.Edit",
        "dlcourse.sampling.Grid",
        "dlcourse.sampling.Interpolate",
        "dlcourse.sampling.Layers",
        "dlcourse.sampling.MeanImage",
        "dlcourse.sampling.Mixing",
        "dlcourse.sampling.Noise",
        "dlcourse.sampling.NoiseComponents",
        "dlcourse.sampling.NoiseWalk",
        "dlcourse.sampling.Project",
        "dlcourse.sampling.Truncation",
        "dlcourse.sampling.Uncurated",
        "dlcourse.search.CoarseToFine",
        "dlcourse.search.Grid",
        "dlcourse.search.LogUniform",
        "dlcourse.search.OneMinusLogUniform",
        "dlcourse.search.PowersOfTwo",
        "dlcourse.search.Random",
        "dlcourse.search.Uniform",
        "dlcourse.study.Search",
        "dlcourse.tasks.Attributes",
        "dlcourse.tasks.Classification",
        "dlcourse.tasks.Search",
        "dlcourse.tasks.StyleGAN",
        "dlcourse.tasks.StyleObjective",
        "dlcourse.tasks.StyleTransfer",
    }
)
