"""Painted images by numbers: how near each is to its style and to its content, by features that were not optimized.

    python benchmarks/painted_images.py A.jpg B.jpg PHOTO.jpg RUN      # content, style, results: images or runs

* gram: relative squared error of Gram matrices at relu1_2, relu2_2 and relu3_3 of the bundled VGG16, their mean; the
  style itself has 0, and the content's own value is in the first row. The recipes optimize other layers.
* content: relative squared error of relu3_2, between result and content.
* edges: the structural similarity (Wang et al. 2004, eq. 13, Gaussian window of 11 pixels) of the gradients' lengths of
  the luminance; 1 for the content itself. It asks whether lines and contours are where they were.

No number replaces looking. A result is compared at its own size, and the style at the same length of its longer side.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcourse.files.terminal import aligned, say
from dlcourse.images.tensors import resize, to_tensor
from dlcourse.nn.vgg import VGG
from dlcourse.reports.runs import images_of
from dlcourse.style_transfer.colors import luminance
from dlcourse.style_transfer.losses import gram, relative_squared_error
from dlcourse.style_transfer.named_images import read_image

STYLE_LAYERS, CONTENT_LAYER = ["relu1_2", "relu2_2", "relu3_3"], "relu3_2"


def measure(network: VGG, content: str, style: str, result: str) -> list[float]:
    """The three numbers of a result, the path of an image or of a run."""
    path = str(list(images_of(Path(result), "image")[1].values())[-1]) if Path(result).is_dir() else result
    image = read_image("result", path).convert("RGB")
    x = to_tensor(image)[None]
    same = to_tensor(resize(read_image("content", content).convert("RGB"), list(image.size)))[None]
    other = to_tensor(resize(read_image("style", style).convert("RGB"), max(image.size)))[None]
    of_x, of_content, of_style = (network(one, [*STYLE_LAYERS, CONTENT_LAYER]) for one in (x, same, other))
    grams = [relative_squared_error(*(gram(of[name], None, "hw") for of in (of_x, of_style))) for name in STYLE_LAYERS]
    distance = relative_squared_error(of_x[CONTENT_LAYER], of_content[CONTENT_LAYER])
    return [float(torch.stack(grams).mean()), float(distance), structural_similarity(edges(x), edges(same))]


def edges(image: Tensor) -> Tensor:
    """The length of the luminance's gradient by central differences, (1, 3, H, W) -> (1, 1, H - 2, W - 2)."""
    light = luminance(image)
    down = light[..., 2:, 1:-1] - light[..., :-2, 1:-1]
    right = light[..., 1:-1, 2:] - light[..., 1:-1, :-2]
    return (down.square() + right.square()).sqrt()


def structural_similarity(x: Tensor, y: Tensor, sigma: float = 1.5) -> float:
    """SSIM = mean of (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x^2 + m_y^2 + c1)(s_x^2 + s_y^2 + c2))."""
    line = torch.exp(-0.5 * (torch.arange(-5, 6) / sigma) ** 2)
    window = torch.outer(line, line)[None, None] / line.sum() ** 2
    mean = lambda one: F.conv2d(one, window)
    of_x, of_y, c1, c2 = mean(x), mean(y), 0.01**2, 0.03**2
    xx, yy, xy = mean(x * x) - of_x**2, mean(y * y) - of_y**2, mean(x * y) - of_x * of_y
    return float(((2 * of_x * of_y + c1) * (2 * xy + c2) / ((of_x**2 + of_y**2 + c1) * (xx + yy + c2))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("results", nargs="+", metavar="RESULT", help="a painted image, or the run that painted it")
    arguments = parser.parse_args()
    network = VGG("edges", None, None, "max", 1.0, "reflect", channels_last=True)
    rows = [["result", "gram", "content", "edges"]]
    with torch.no_grad():
        for result in (arguments.content, *arguments.results):
            numbers = measure(network, arguments.content, arguments.style, result)
            rows.append([result, *(f"{number:.3f}" for number in numbers)])
    say(*aligned(rows))


if __name__ == "__main__":
    main()
