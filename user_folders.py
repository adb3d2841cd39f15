"""Finds the user's folders for settings and caches, on every operating system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_dir, user_config_dir


def config_folder() -> Path | None:
    """The folder for settings (Linux: ~/.config/learning-to-draw); None if the user has no home folder."""
    return _folder(user_config_dir)


def cache_folder() -> Path | None:
    """The folder for caches (Linux: ~/.cache/learning-to-draw); None if the user has no home folder."""
    return _folder(user_cache_dir)


def _folder(find: Callable[..., str]) -> Path | None:
    try:
        folder = Path(find("learning-to-draw", appauthor=False))
    except RuntimeError:
        return None
    # Without a home folder, earlier versions of platformdirs return a path below the current folder, which may be a
    # stranger's.
    return folder if folder.is_absolute() else None
