"""Remembers the plugins that this user has run on this machine, in a text file with the SHA-256 of each plugin.

A run or checkpoint that was made with one of these plugins may load it without --plugin. Deleting a line, or the file,
withdraws this permission. The file is in the user's configuration folder (Linux:
~/.config/learning-to-draw/plugins.txt). Each process appends its line with a single write, so several processes can do
so at once.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from learning_to_draw.user_folders import config_folder

logger = logging.getLogger("commgame")

TITLE = "# SHA-256 and path of each plugin that you have given to a command. Runs that name one of them may load it.\n"


def is_allowed(sha256: str) -> bool:
    """Whether the user has run a plugin with this SHA-256 before. False if the list cannot be read."""
    file = list_file()
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file else []
    except OSError:
        return False
    return any(line.partition("#")[0].strip() == sha256 for line in lines)


def allow(sha256: str, path: Path) -> None:
    """Adds the SHA-256 of the plugin `path` to the list. If that fails, logs a warning (on rank 0)."""
    if is_allowed(sha256):
        return
    try:
        _append(f"{sha256}  # {str(path)!r}\n")  # repr: the name of a file may contain line breaks
    except OSError as error:
        if os.environ.get("RANK", "0") == "0":
            reason = error.strerror or error
            logger.warning(
                "%s cannot be added to the list of plugins that you have run (%s): give --plugin with every command "
                "that uses this plugin",
                path,
                reason,
            )


def list_file() -> Path | None:
    """The path of the list; None if the user has no configuration folder, for example in a container without HOME."""
    folder = config_folder()
    return None if folder is None else folder / "plugins.txt"


def _append(line: str) -> None:
    file = list_file()
    if file is None:
        raise OSError("there is no home folder")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        start = TITLE
        if size > 0:
            stream.seek(-1, os.SEEK_END)
            start = "" if stream.read(1) == b"\n" else "\n"  # the last line was edited, or cut short by a full disk
        content = (start + line).encode()
        if stream.write(content) != len(content):
            raise OSError("the disk is full")
