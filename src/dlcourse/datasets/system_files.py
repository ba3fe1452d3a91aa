"""Hidden files, and what systems and programs keep beside people's images: never part of a data set."""

SYSTEM_NAMES = {  # in small letters
    # macOS and its network shares; the others begin with a dot: .DS_Store, ._photo.jpg, .AppleDouble, .Trashes
    "__macosx", "_ds_store", "icon\r", "network trash folder", "temporary items",
    # Windows
    "$recycle.bin", "desktop.ini", "ehthumbs.db", "system volume information", "thumbs.db",
    # Linux, after a disk was repaired
    "lost+found",
    # storage boxes: Synology, QNAP
    "@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb",
    "__pycache__",
}  # fmt: skip


def is_system_file(name: str) -> bool:
    """Whether a file or folder is hidden or a system's own, or lies in such a folder.

    Args:
        name: its path within the data set, "/" between folders.
    """
    parts = name.split("/")
    return any(part.lower() in SYSTEM_NAMES or (part.startswith(".") and part.strip(".")) for part in parts)
