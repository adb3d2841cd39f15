"""The pictures of a page as data URIs, each stored once: photos scaled down, and sketches scaled down or as vectors."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from learning_to_draw.datasets.picture_file import take_from

LONGEST_SIDE = 160  # of a stored picture, in pixels
PHOTO_QUALITY = 85  # of 100
SVG_ESCAPES = str.maketrans({letter: f"%{ord(letter):02X}" for letter in "%#<>"})
SMALL = 1000  # bytes; a lossless picture up to this size is kept


class Pictures:
    """Collects pictures. Methods that add a picture return its index in `uris`."""

    def __init__(self):
        self._places: dict[str, int] = {}
        self._files: dict[Path, int] = {}

    @property
    def uris(self) -> list[str]:
        return list(self._places)

    def add(self, picture: Image.Image, longest: int = LONGEST_SIDE) -> int:
        """Adds a picture. longest: maximum height and width in pixels; a larger picture is scaled down."""
        return self._place(_as_uri(picture, longest))

    def add_svg(self, text: str) -> int:
        """Adds a sketch as SVG. text: made by `trials.records.svg.svg`; no attribute value in it contains quotes."""
        lines = "".join(text.splitlines()).replace('"', "'")  # JSON would escape quotes
        return self._place("data:image/svg+xml," + lines.translate(SVG_ESCAPES))

    def _place(self, uri: str) -> int:
        return self._places.setdefault(uri, len(self._places))

    def add_file(self, path: Path) -> int:
        """Adds the picture in a file. Raises UsageError if the file is not a picture."""
        if path not in self._files:
            self._files[path] = self.add(open_picture(path))
        return self._files[path]


def open_picture(path: Path) -> Image.Image:
    """Returns the picture in RGB. Raises UsageError if it cannot be read."""
    return take_from(path, lambda picture: picture.convert("RGB"))


def _as_uri(picture: Image.Image, longest: int) -> str:
    """Returns the picture as WebP: lossless if that is small, else lossless or lossy, whichever is smaller."""
    picture = picture.convert("RGB")
    picture.thumbnail((longest, longest))
    data = _webp(picture, lossless=True)
    if len(data) > SMALL:
        data = min((data, _webp(picture, quality=PHOTO_QUALITY)), key=len)
    return f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"


def _webp(picture: Image.Image, **settings) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", method=4, **settings)
    return file.getvalue()
