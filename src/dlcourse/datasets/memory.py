"""How much memory images may take."""

import os


def check_memory(needed: int, root: str) -> None:
    """Raise ValueError if so many bytes are not free, on systems that tell."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if needed > free:
        raise ValueError(
            f"root={root}: its images take {needed / 2**30:.1f} GiB and {free / 2**30:.1f} are free; "
            "lower dataset.resolution or the number of images"
        )
