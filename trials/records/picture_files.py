"""Opens picture files, with one error message for all that cannot be read."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image

from learning_to_draw.errors import UsageError, first_line

Taken = TypeVar("Taken")


def take_from(path: Path, take: Callable[[Image.Image], Taken]) -> Taken:
    """The result of `take` on the opened picture. Raises UsageError if the file cannot be read, or `take` fails."""
    try:
        with Image.open(path) as picture:
            return take(picture)
    except Exception as error:  # a damaged file can raise nearly anything in Pillow
        raise UsageError(
            f"picture {path}: it cannot be read ({first_line(error)}).\nReplace it with an intact copy."
        ) from error


def as_uri(path: Path) -> tuple[str, int, int]:
    """The file as a data URI, its width and its height in pixels. Raises UsageError if it is not a picture."""
    kind, (width, height) = take_from(path, lambda picture: (Image.MIME[picture.format], picture.size))
    take_from(path, lambda picture: picture.verify())
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}", width, height
