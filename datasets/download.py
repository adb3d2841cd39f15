"""Downloads data sets completely or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from learning_to_draw.errors import UsageError


def download_folder(root: Path, folder: str, fetch: Callable[[Path], object], missing: str, advice: str) -> None:
    """Downloads `root/folder`: calls `fetch` with an empty temporary folder, in which `fetch` creates `folder`.

    Only a finished download is moved to `root/folder`; a failed one leaves `root` as it was. Raises UsageError if
    `root` is a file, or if the download fails. The message begins with `missing` (what was not found); after a failed
    download, it ends with `advice` (what to do).
    """
    if root.exists() and not root.is_dir():
        raise UsageError(f"{missing}\n--dataset-root {root} is a file. Give the folder that holds the data set.")
    created = [path for path in (root, *root.parents) if not path.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as temporary:
            fetch(Path(temporary))
            _move_contents(Path(temporary) / folder, root / folder)
    except Exception as error:  # each downloader raises its own types
        reason = " ".join(str(error).split()) or type(error).__name__  # any line of a message may hold the reason
        raise UsageError(f"{missing}\nThe download failed: {reason}\n{advice}") from None
    finally:
        for path in created:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def _move_contents(source: Path, target: Path) -> None:
    """Moves the contents of `source` into `target`, which must be on the same disk.

    Merges folders and replaces files that `target` already has.
    """
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_dir() and (target / path.name).is_dir():
            _move_contents(path, target / path.name)
        else:
            path.replace(target / path.name)
