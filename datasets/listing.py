"""Lists files and folders of a data set, without those that operating systems and programs leave in it."""

from __future__ import annotations

from pathlib import Path

# Folders that Synology, QNAP, macOS, Windows and Linux make for themselves. They may hold copies of the pictures.
SYSTEM_FOLDERS = {
    *("@eaDir", "@Recycle", "@Recently-Snapshot", "#recycle", "#snapshot", "__MACOSX", "$RECYCLE.BIN"),
    *("System Volume Information", "lost+found"),
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder is skipped: its name begins with a dot or is that of a system folder.

    On disks that other systems formatted, macOS writes a file ._NAME next to each file NAME.
    """
    return name.startswith(".") or name in SYSTEM_FOLDERS


def visible(folder: Path, pattern: str) -> list[Path]:
    """Files and folders below `folder` that match a glob pattern, sorted, without hidden ones and their contents."""
    matching = folder.glob(pattern)
    return sorted(path for path in matching if not any(map(is_hidden, path.relative_to(folder).parts)))
