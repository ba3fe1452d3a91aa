"""Which files a user means by the path of a StyleGAN: nothing is read, so torch is not needed."""

import re
import sys
from pathlib import Path

from dlcourse.engine.run_folder import newest
from dlcourse.files.terminal import say

# In the models/ of huangzh13's StyleGAN.pytorch: depth and epoch
HUANGZH13 = re.compile(r"GAN_(GEN_SHADOW|GEN|DIS)_(\d+)_(\d+)\.pth")


def files_of(path: Path, only_to_draw: bool = False) -> list[Path]:
    """The file itself, the newest checkpoint of a run folder, or the newest files in a folder of huangzh13's.

    UserError if there is none. `only_to_draw` leaves out the discriminator.
    """
    return newest_of_huangzh13(path, only_to_draw) or [newest(path)]


def newest_of_huangzh13(folder: Path, only_to_draw: bool) -> list[Path]:
    """The generators, the averaged one first, and the discriminator of the last depth and epoch, said on stderr."""
    there = [(match, path) for path in folder.glob("GAN_*.pth") if (match := HUANGZH13.fullmatch(path.name))]
    steps = {path: (int(match[2]), int(match[3])) for match, path in there}
    last = max((steps[path] for match, path in there if match[1] != "DIS"), default=None)
    roles = {match[1]: path for match, path in there if steps[path] == last and path.is_file()}
    found = [roles[role] for role in ("GEN_SHADOW", "GEN", *([] if only_to_draw else ["DIS"])) if role in roles]
    if found:
        say(f"{folder}: {', '.join(path.name for path in found)}", file=sys.stderr)
    return found
