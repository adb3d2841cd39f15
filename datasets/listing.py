"""Lists files and folders of a data set, without those that systems and programs leave in it."""

from __future__ import annotations

from pathlib import Path

# Folders that Synology, QNAP, macOS, Windows and Linux make for themselves. They may hold copies of the pictures.
SYSTEM_FOLDERS = {
    *("@eaDir", "@Recycle", "@Recently-Snapshot", "#recycle", "#snapshot", "__MACOSX", "$RECYCLE.BIN"),
    *("System Volume Information", "lost+found"),
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder is passed over: its name begins with a dot, or it is a system folder's name.

    macOS writes a file ._NAME next to each NAME on disks that are not its own.
    """
    return name.startswith(".") or name in SYSTEM_FOLDERS


def visible(folder: Path, pattern: str) -> list[Path]:
    """What matches a glob pattern below a folder, sorted, without hidden files and the contents of hidden folders."""
    matching = folder.glob(pattern)
    return sorted(path for path in matching if not any(map(is_hidden, path.relative_to(folder).parts)))
