"""Turns picture files into data URIs for web pages."""

from __future__ import annotations

import base64
from pathlib import Path

from PIL import Image

from learning_to_draw.datasets.picture_file import take_from


def as_uri(path: Path) -> tuple[str, int, int]:
    """The file as a data URI, and its width and height in pixels. Raises UsageError if the file is not a picture."""
    kind, (width, height) = take_from(path, lambda picture: (Image.MIME[picture.format], picture.size))
    take_from(path, lambda picture: picture.verify())
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}", width, height
