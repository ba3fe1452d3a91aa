"""What a step is, for each system."""

from dlcourse.tasks.attributes import Attributes
from dlcourse.tasks.base import Task
from dlcourse.tasks.classification import Classification
from dlcourse.tasks.search import Search
from dlcourse.tasks.style_objective import StyleObjective
from dlcourse.tasks.style_transfer import StyleTransfer
from dlcourse.tasks.stylegan import StyleGAN

__all__ = ["Attributes", "Classification", "Search", "StyleGAN", "StyleObjective", "StyleTransfer", "Task"]
