"""Makes the parts of a game log (gamelogs/): text files, strokes, and the names of pictures.

`loop/gamelog.py` puts the parts together; docs/outputs.md describes every field. The official tools can read the
log. Entries go directly to disk, so memory does not grow with the number of games.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.trials.records.atomic import naming, temporary_path, write_atomically

FORMAT = 1
FIELDS = ("reciever_guess", "reciever_guess_correct", "sketch", "correct_image", "images")
DIGITS = 5  # decimal places in games.jsonl; strokes.npz has full precision


def picture_name(pixels: Tensor) -> str:
    """The file name of a picture in a log, without .png: the MD5 of its pixels, row by row.

    pixels: uint8 [1 or 3, H, W], grey or RGB.
    """
    return hashlib.md5(pixels.permute(1, 2, 0).contiguous().numpy().tobytes(), usedforsecurity=False).hexdigest()


def stroke_width(sigma2: Any) -> Any:
    """The full width at half maximum, in canvas units, of a stroke with ink exp(-d^2 / sigma2) at distance d.

    sigma2: a number, or an array of any shape.
    """
    return 2 * np.sqrt(sigma2 * math.log(2))


class Unfinished:
    """A text file that has a temporary name until `finish` renames it to `path`."""

    def __init__(self, path: Path):
        self.path, self._temporary = path, temporary_path(path)
        # A class name may contain undecodable bytes. They are written as JSON's \udcNN, which reads back unchanged.
        self.file = self._temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def write(self, text: str) -> None:
        with naming(self.path):
            self.file.write(text)

    def finish(self) -> None:
        with naming(self.path):
            self.file.close()
        write_atomically(self.path, lambda temporary: os.replace(self._temporary, temporary))

    def discard(self) -> None:
        with suppress(OSError):  # closing on a full disk fails again
            self.file.close()
        self._temporary.unlink(missing_ok=True)


class StrokesFile:
    """Writes strokes.npz without holding all strokes in memory: `add` writes raw files, which `finish` combines."""

    def __init__(self, path: Path):
        self.path = path
        self._raw: dict[str, tuple[Path, BinaryIO, tuple[int, ...]]] = {}
        self._rows, self._sigma2 = 0, 0.0  # sigma2 if it is one number for all strokes

    def add(self, strokes: Strokes) -> None:
        """Adds the strokes of a batch.

        All sketches in the file must have the same number of strokes, of control points per stroke, and of channels.
        """
        arrays = {"points": strokes.points, "intensities": strokes.intensities, "sigma2": strokes.sigma2}
        for name, tensor in arrays.items():
            if not isinstance(tensor, Tensor):
                continue
            array = tensor.detach().cpu().float().numpy()
            if name not in self._raw:
                path = temporary_path(self.path)
                self._raw[name] = (path, path.open("wb"), array.shape[1:])
            with naming(self.path):
                self._raw[name][1].write(array.tobytes())
        self._rows += len(strokes.points)
        if not isinstance(strokes.sigma2, Tensor):
            self._sigma2 = strokes.sigma2

    def finish(self) -> None:
        write_atomically(self.path, self._write)
        self.discard()

    def discard(self) -> None:
        for path, file, _ in self._raw.values():
            with suppress(OSError):
                file.close()
            path.unlink(missing_ok=True)

    def _write(self, temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            if "sigma2" not in self._raw:
                with archive.open("sigma2.npy", "w") as member:
                    np.lib.format.write_array(member, np.array(self._sigma2))
            for name, (path, file, shape) in self._raw.items():
                file.flush()
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, path.open("rb") as source:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, *shape)}
                    np.lib.format.write_array_header_1_0(member, header)
                    shutil.copyfileobj(source, member)


def as_lists(strokes: Strokes) -> list[dict[str, Any]]:
    """The value of the key `strokes` in games.jsonl, for each sketch."""
    count = len(strokes.points)
    if isinstance(strokes.sigma2, Tensor):
        widths = rounded(stroke_width(strokes.sigma2.detach().cpu().double().numpy()))
    else:
        widths = [round(float(stroke_width(strokes.sigma2)), DIGITS)] * count
    colours = [None] * count if strokes.intensities is None else rounded(strokes.intensities)
    lists = zip(rounded(strokes.points), widths, colours, strict=True)
    return [{"points": points, "width": width, "colours": colour} for points, width, colour in lists]


def rounded(values: Tensor | np.ndarray) -> list:
    array = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values
    return np.round(array, DIGITS).tolist()
