"""The same validation photos' sketches, epoch after epoch, cut out of the grids that training writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from learning_to_draw.analysis.report.pictures import Pictures, open_picture
from learning_to_draw.analysis.report.run import Run
from learning_to_draw.errors import UsageError
from PIL import Image

MOST_EPOCHS, MOST_PHOTOS = 12, 12
PER_ROW, PADDING = 8, 2  # of the grids
GRID_NAME = re.compile(r"val_reconstruction_samples_(\d+)\.png")


@dataclass(frozen=True)
class Grid:
    """A grid of square pictures, PER_ROW in a row, PADDING pixels around each. pixels: uint8 [H, W, 3]."""

    pixels: np.ndarray
    side: int
    columns: int
    rows: int

    def tile(self, number: int) -> np.ndarray:
        """Picture `number`, from 0, row by row: uint8 [side, side, 3]."""
        row, column = divmod(number, self.columns)
        top, left = (PADDING + place * (self.side + PADDING) for place in (row, column))
        return self.pixels[top : top + self.side, left : left + self.side]

    def filled(self) -> int:
        """How many pictures there are: the last row may end in places that show nothing but the padding's colour."""
        count = self.columns * self.rows
        while count > 1 and (self.tile(count - 1) == self.pixels[0, 0]).all():
            count -= 1
        return count

    @property
    def layout(self) -> tuple[int, int, int]:
        return self.side, self.columns, self.rows


def parse_grid(pixels: np.ndarray) -> Grid | None:
    """uint8 [H, W, 3] as a grid; None where it cannot be one."""
    height, width = (length - PADDING for length in pixels.shape[:2])
    shapes = [(width // PER_ROW, PER_ROW)] if width > 0 and width % PER_ROW == 0 else []
    shapes += [(height, width // height)] if height > 0 and width % height == 0 and width // height < PER_ROW else []
    for step, columns in shapes:
        if step > PADDING and height % step == 0 and _is_padding(pixels, step):
            return Grid(pixels, step - PADDING, columns, height // step)
    return None


def _is_padding(pixels: np.ndarray, step: int) -> bool:
    """Whether everything between tiles that are `step` apart has one colour."""
    between = [np.arange(length) % step < PADDING for length in pixels.shape[:2]]
    return bool((pixels[between[0]] == pixels[0, 0]).all() and (pixels[:, between[1]] == pixels[0, 0]).all())


def sketches_by_epoch(run: Run, pictures: Pictures) -> dict[str, Any] | None:
    """Columns (an epoch each) and rows (a photo each), as the page wants them; None for a run that is no training."""
    if run.kind != "train":
        return None
    files = {
        int(match[1]): path for path in run.folder.iterdir() if (match := GRID_NAME.fullmatch(path.name)) is not None
    }
    if not files:
        return {"missing": "No grid of validation sketches is in this folder (yet): each epoch writes one at its end."}
    grids = {epoch: _read_grid(path) for epoch, path in sorted(files.items())}
    alike = _most_frequent_layout(grids)
    unread = [files[epoch].name for epoch, grid in grids.items() if grid is None or grid.layout != alike]
    usable = {epoch: grid for epoch, grid in grids.items() if grid is not None and grid.layout == alike}
    if not usable:
        return {"missing": f"{', '.join(unread)}: not grids of square pictures, {PER_ROW} in a row, so not shown."}
    photos = _read_grid(run.folder / "val_samples.png")
    if photos is not None and photos.layout != alike:
        photos = None
    shown = evenly(list(usable), MOST_EPOCHS)
    count = min(MOST_PHOTOS, max(grid.filled() for grid in ([photos] if photos else usable.values())))
    rates = {row["epoch"]: row.get("val_commrate") for row in run.rows}
    return {
        "epochs": [{"epoch": epoch, "rate": rates.get(epoch)} for epoch in shown],
        "rows": [
            {
                "photo": pictures.add(Image.fromarray(photos.tile(number))) if photos else None,
                "sketches": [pictures.add(Image.fromarray(usable[epoch].tile(number))) for epoch in shown],
            }
            for number in range(count)
        ],
        "side": alike[0],
        "all_epochs": len(files),
        "unread": unread,
    }


def evenly(items: list, most: int) -> list:
    """At most `most` of the items, evenly spread, first and last among them."""
    if len(items) <= most:
        return items
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _read_grid(path: Path) -> Grid | None:
    try:
        return parse_grid(np.asarray(open_picture(path)))
    except UsageError:  # it is missing, or broken: said on the page
        return None


def _most_frequent_layout(grids: dict[int, Grid | None]) -> tuple[int, int, int] | None:
    layouts = [grid.layout for grid in grids.values() if grid is not None]
    return max(layouts, key=layouts.count, default=None)
