"""A sender's strokes and sketches, and the photos that it saw, as numpy arrays."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.base import expand_channels
from learning_to_draw.trials.records.atomic import write_atomically, write_text
from learning_to_draw.trials.records.gamelog import drawn_strokes
from learning_to_draw.trials.records.gamelog_writer import stroke_width
from learning_to_draw.trials.records.grids import grid
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.pictures import to_picture
from learning_to_draw.trials.records.svg import svg

SHOWN, SHOWN_WIDTH = 24, 96  # in a notebook: how many sketches are shown at most, and their width in pixels


@dataclass(frozen=True, eq=False, repr=False)
class Drawing:
    """B sketches of N strokes each. `len` gives B. `drawing[0]`, `drawing[2:4]` and the items of a loop are `Drawing`s.

    points: float32 [B, N, P, 2], control points (row, col) on a canvas from -1 (top, left) to 1 (bottom, right). P = 1
    is a point, 2 a line from start to end, 4 a cubic Bezier curve. Points may lie outside the canvas.
    sigma2: squared stroke width in canvas units: a number for all strokes, or float32 [B, N]. At distance d from a
    stroke, its ink is exp(-d**2 / sigma2) times its intensity.
    intensities: float32 [B, N, C] in 0..1, of each stroke's ink in grey (C = 1) or in red, green and blue (C = 3); None
    if all are 1. A stroke whose intensities are all 0 is not drawn.
    sketches: float32 [B, 1 or 3, S, S], what the receiver sees; 0..1 unless `contrast` exceeds 1.
    photos: float32 [B, 1 or 3, S, S] in 0..1, what the sender saw.
    invert: whether the agents draw black on white instead of white on black. contrast: factor that multiplies the ink.
    """

    points: np.ndarray
    sigma2: float | np.ndarray
    intensities: np.ndarray | None
    sketches: np.ndarray
    photos: np.ndarray
    invert: bool = False
    contrast: float = 1.0

    @property
    def widths(self) -> np.ndarray:
        """float32 [B, N]: each stroke's full width at half of its maximum ink, in canvas units (the canvas is 2 wide).

        In pixels of the sketch, the width is `widths * (S - 1) / 2`.
        """
        return np.array(np.broadcast_to(stroke_width(self.sigma2), self.points.shape[:2]), dtype=np.float32)

    @property
    def drawn(self) -> np.ndarray:
        """bool [B, N]: whether each stroke is drawn; False if its intensities are 0 in all channels."""
        return drawn_strokes(self.points, self.intensities)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int | slice) -> Drawing:
        rows = index if isinstance(index, slice) else [range(len(self))[index]]
        return replace(
            self,
            points=self.points[rows],
            sigma2=self.sigma2[rows] if isinstance(self.sigma2, np.ndarray) else self.sigma2,
            intensities=None if self.intensities is None else self.intensities[rows],
            sketches=self.sketches[rows],
            photos=self.photos[rows],
        )

    def svg(self) -> str:
        """The text of an SVG file with the sketch, which is sharp at any size. Raises UsageError unless B is 1."""
        if len(self) != 1:
            raise UsageError(
                f"this drawing has {len(self)} sketches, but an SVG file shows one.\n"
                "Choose one, as in drawing[0], or take them one by one, as in: for one in drawing."
            )
        sigma2 = self.sigma2[0] if isinstance(self.sigma2, np.ndarray) else self.sigma2
        inks = None if self.intensities is None else self.intensities[0]
        return svg(self.points[0], sigma2, self.sketches.shape[-1], inks, self.invert, self.contrast)

    def save(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Writes the text of `svg` if `path` ends in .svg, or `sketches`, up to 8 per row, if it ends in .png.

        Raises UsageError for another extension, for .svg unless B is 1, or if the file exists and `overwrite` is False.
        """
        path = Path(path)
        if path.suffix not in (".svg", ".png"):
            raise UsageError(f"{path} cannot be written: its name must end in .svg or .png.\nGive another name.")
        if not overwrite:
            check_new(path)
        if path.suffix == ".svg":
            return write_text(path, self.svg(), new=not overwrite)
        sketches = torch.from_numpy(self.sketches)
        picture = to_picture(sketches[0] if len(self) == 1 else grid(expand_channels(sketches, 3)))
        write_atomically(path, picture.save, new=not overwrite)

    def __repr__(self) -> str:
        return f"<Drawing: points {list(self.points.shape)}, sketches {list(self.sketches.shape)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the first sketches, as SVG."""
        texts = [base64.b64encode(one.svg().encode()).decode() for one in self[:SHOWN]]
        more = f" and {len(self) - SHOWN} more" if len(self) > SHOWN else ""
        return " ".join(f'<img width="{SHOWN_WIDTH}" src="data:image/svg+xml;base64,{text}">' for text in texts) + more
