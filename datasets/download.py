"""Downloads that leave nothing half done behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from learning_to_draw.errors import UsageError


def download_folder(root: Path, folder: str, fetch: Callable[[Path], object], missing: str, advice: str) -> None:
    """Puts `root/folder` in place: `fetch` downloads it into the empty folder that it is given.

    Only a finished download is moved to where it belongs; whatever goes wrong, `root` is as it was, or not there at
    all. A failure is a UsageError that says what is `missing`, why the download failed, and what to do (`advice`).
    """
    if root.exists() and not root.is_dir():
        raise UsageError(f"{missing}\n{root} is a file. Give the folder that holds the data set: --dataset-root.")
    created = [path for path in (root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as temporary:
            fetch(Path(temporary))
            _move_contents(Path(temporary) / folder, root / folder)
    except Exception as error:  # each downloader raises its own
        reason = " ".join(str(error).split()) or type(error).__name__  # of several lines any may say why
        raise UsageError(f"{missing}\nIt could not be downloaded either: {reason}\n{advice}") from None
    finally:
        for path in created:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _move_contents(source: Path, target: Path) -> None:
    """Moves what is in a folder into another one on the same disk, which may already hold some of it."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_dir() and (target / path.name).is_dir():
            _move_contents(path, target / path.name)
        else:
            path.replace(target / path.name)
