"""The pictures of a page, each scaled down and stored once, as a data URI."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from learning_to_draw.datasets.picture_file import take_from

LONGEST_SIDE = 160  # of a stored picture, in pixels; it is shown with at most 112 CSS pixels
PHOTO_QUALITY = 85  # of 100
SMALL = 1000  # bytes; a lossless picture up to this size is kept


class Pictures:
    """Collects pictures. `add` and `add_file` return the index of a picture in `uris`."""

    def __init__(self):
        self._places: dict[str, int] = {}
        self._files: dict[Path, int] = {}

    @property
    def uris(self) -> list[str]:
        return list(self._places)

    def add(self, picture: Image.Image) -> int:
        uri = _as_uri(picture)
        return self._places.setdefault(uri, len(self._places))

    def add_file(self, path: Path) -> int:
        """Raises UsageError if the file is not a picture."""
        if path not in self._files:
            self._files[path] = self.add(open_picture(path))
        return self._files[path]


def open_picture(path: Path) -> Image.Image:
    """Returns the picture in RGB. Raises UsageError if it cannot be read."""
    return take_from(path, lambda picture: picture.convert("RGB"))


def _as_uri(picture: Image.Image) -> str:
    """Returns the picture as WebP: lossless if that is small, else the smaller one of lossless and lossy."""
    picture = picture.convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    data = _webp(picture, lossless=True)
    if len(data) > SMALL:
        data = min((data, _webp(picture, quality=PHOTO_QUALITY)), key=len)
    return f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"


def _webp(picture: Image.Image, **settings) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", method=4, **settings)
    return file.getvalue()
