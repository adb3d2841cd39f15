"""Opens picture files with Pillow. No other module of this program does this."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from learning_to_draw.errors import UsageError, first_line

Taken = TypeVar("Taken")
Result = TypeVar("Result")

# Raster formats that Pillow decodes itself. For other formats, Pillow may start a program, such as Ghostscript for EPS.
# It recognises the format by the file's content, not by its name.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 89_478_485  # Pillow warns of larger pictures; this size takes 360 MB, and as much again to convert
LARGE = 16_000_000  # pixels; only one thread at a time decodes a larger picture, to limit memory
REPLACE = "Replace the file, or remove it."

_large_pictures = Lock()


class UnreadablePicture(UsageError):
    """A picture file that cannot be read. problem: the reason."""

    def __init__(self, path: Path | str, problem: str, advice: str = REPLACE) -> None:
        super().__init__(f"picture {path}: it cannot be read ({problem}).\n{advice}")
        self.path, self.problem = path, problem


def take_from(
    path: Path | str, take: Callable[[Image.Image], Taken], then: Callable[[Taken], Result] = lambda taken: taken
) -> Result:
    """Returns `then(take(picture))` for the opened picture, whose pixels are not decoded yet.

    Opens regular files only, as reading a pipe or a device may never end. Only one thread at a time handles a large
    picture. Raises `UnreadablePicture` if the file cannot be opened or `take` raises an exception: Pillow reports most
    damage only when it decodes. Exceptions of `then` are raised as they are.
    """
    with ExitStack() as turn:
        try:
            taken = _take(path, take, turn)
        except FileNotFoundError:
            raise UnreadablePicture(path, "there is no such file", "Put it there, or correct the path.") from None
        except UnidentifiedImageError:
            problem, advice = "it is not a picture of a known format", f"Known: {', '.join(_formats())}. {REPLACE}"
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            problem, advice = f"it has more than {MOST_PIXELS:,} pixels", "Scale it down, or remove it."
        except Exception as error:  # Pillow can raise almost any exception for a broken file
            problem, advice = first_line(error), "Give a picture file." if os.path.isdir(path) else REPLACE
        else:
            return then(taken)
    raise UnreadablePicture(path, problem, advice)


def _take(path: Path | str, take: Callable[[Image.Image], Taken], turn: ExitStack) -> Taken:
    """Returns `take(picture)` for the opened picture. If it is large, no other thread takes a large one until `turn` is
    closed."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is a folder" if os.path.isdir(path) else "it is not a regular file")
    with Image.open(path, formats=_formats()) as picture:
        pixels = picture.width * picture.height
        if pixels > MOST_PIXELS:
            raise Image.DecompressionBombError
        if pixels > LARGE:
            turn.enter_context(_large_pictures)
        return take(picture)


def together(unreadable: Sequence[UnreadablePicture], pictures: int) -> UsageError:
    """One error for all unreadable pictures (at least one); names the first three. pictures: number of all pictures."""
    if len(unreadable) == 1:
        return unreadable[0]
    lines = [f"{error.path}: {error.problem}" for error in unreadable[:3]]
    such_as = ", such as" if len(unreadable) > len(lines) else ":"
    return UsageError(
        "\n".join([f"{len(unreadable)} of {pictures} pictures cannot be read{such_as}", *lines])
        + "\nReplace these files, or remove them."
    )


@functools.cache
def _formats() -> tuple[str, ...]:
    """The formats in `FORMATS` that the installed Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
