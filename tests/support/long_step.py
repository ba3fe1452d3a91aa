"""Two processes whose third step takes long: python tests/support/long_step.py FOLDER SECONDS."""

import sys
import time
from pathlib import Path

from bowl import NoisyBowl, train
from dlcourse.engine import distributed


class Patient(NoisyBowl):
    """NoisyBowl whose third step takes long, and says when it begins."""

    def step(self):
        if self.descent.updates == 2:
            if distributed.rank() == 0:
                (Path(sys.argv[1]) / "begun").touch()
            time.sleep(float(sys.argv[2]))
        return super().step()


def work(folder):
    with distributed.process_group("cpu"):
        train(Path(folder), task=Patient(), checkpoint_every=100, max_steps=100)


if __name__ == "__main__":
    sys.exit(distributed.launch(2, "cpu", work, sys.argv[1]))
