"""Pictures from a trained generator: everything is addressed by seeds."""

from dlcourse.sampling.drawing import Drawing
from dlcourse.sampling.editing import Edit
from dlcourse.sampling.grid import Grid, Uncurated
from dlcourse.sampling.layers import Layers
from dlcourse.sampling.mixing import Mixing
from dlcourse.sampling.noise import Noise, NoiseComponents
from dlcourse.sampling.points import latents, parse_seeds
from dlcourse.sampling.projection import Project
from dlcourse.sampling.result import Result, Sampler, check_output, save
from dlcourse.sampling.truncation import MeanImage, Truncation
from dlcourse.sampling.walks import Interpolate, NoiseWalk

__all__ = [
    "Drawing",
    "Edit",
    "Grid",
    "Interpolate",
    "Layers",
    "MeanImage",
    "Mixing",
    "Noise",
    "NoiseComponents",
    "NoiseWalk",
    "Project",
    "Result",
    "Sampler",
    "Truncation",
    "Uncurated",
    "check_output",
    "latents",
    "parse_seeds",
    "save",
]
