"""What Linux tells of running processes."""

import time
from pathlib import Path


def children_of(pid):
    """The processes that a process has started, and theirs."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    own = [int(child) for child in found.read_text().split()] if found.exists() else []
    return own + [other for child in own for other in children_of(child)]


def is_busy(pid):
    """Whether a process computes."""
    ticks = []
    for _ in range(2):
        stat = Path(f"/proc/{pid}/stat")
        ticks.append(sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) if stat.exists() else 0)
        time.sleep(0.3)
    return ticks[1] - ticks[0] > 5
