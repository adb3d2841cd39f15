"""Picture files, opened for pages and arrays, with one message for those that cannot be."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image

from learning_to_draw.errors import UsageError, first_line

Taken = TypeVar("Taken")


def take_from(path: Path, take: Callable[[Image.Image], Taken]) -> Taken:
    """What `take` makes of the opened picture. Raises UsageError where it cannot be read."""
    try:
        with Image.open(path) as picture:
            return take(picture)
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        raise UsageError(
            f"picture {path}: it cannot be read ({first_line(error)}).\nReplace it by an intact copy."
        ) from error


def as_uri(path: Path) -> tuple[str, int, int]:
    """The file as a data URI, its width and its height in pixels. Raises UsageError where it is no picture."""
    kind, (width, height) = take_from(path, lambda picture: (Image.MIME[picture.format], picture.size))
    take_from(path, lambda picture: picture.verify())
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}", width, height
