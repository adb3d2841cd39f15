"""Sketches of the same validation photos over the epochs, cut out of the grids that training writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from learning_to_draw.analysis.report.pictures import Pictures, open_picture
from learning_to_draw.errors import UsageError
from learning_to_draw.reading import inside
from learning_to_draw.trials.records.grids import PER_ROW, Grid, parse_grid
from learning_to_draw.trials.records.read_run import Run

MOST_EPOCHS, MOST_PHOTOS = 12, 12
GRID_NAME = re.compile(r"val_reconstruction_samples_(\d+)\.png")


def sketches_by_epoch(run: Run, pictures: Pictures) -> dict[str, Any] | None:
    """Returns columns (one per epoch) and rows (one per photo) for the page; None unless the run is a training."""
    if run.kind != "train":
        return None
    files = {
        int(match[1]): inside(run.folder, path.name)
        for path in run.folder.iterdir()
        if (match := GRID_NAME.fullmatch(path.name)) is not None
    }
    if not files:
        return {"missing": "This folder has no grid of validation sketches (yet): each epoch writes one at its end."}
    grids = {epoch: _read_grid(path) for epoch, path in sorted(files.items())}
    alike = _most_frequent_layout(grids)
    unread = [files[epoch].name for epoch, grid in grids.items() if grid is None or grid.layout != alike]
    usable = {epoch: grid for epoch, grid in grids.items() if grid is not None and grid.layout == alike}
    if not usable:
        return {
            "missing": f"These files are not shown, because they are not grids of square pictures, {PER_ROW} in a row: "
            f"{', '.join(unread)}."
        }
    photos = _read_grid(inside(run.folder, "val_samples.png"))
    if photos is not None and photos.layout != alike:
        photos = None
    shown = evenly(list(usable), MOST_EPOCHS)
    count = min(MOST_PHOTOS, max(grid.filled() for grid in ([photos] if photos else usable.values())))
    rates = {row["epoch"]: row.get("val_commrate") for row in run.rows}
    return {
        "epochs": [{"epoch": epoch + 1, "rate": rates.get(epoch)} for epoch in shown],
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
    """Returns at most `most` of the items, evenly spaced, including the first and the last."""
    if len(items) <= most:
        return items
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _read_grid(path: Path) -> Grid | None:
    try:
        return parse_grid(np.asarray(open_picture(path)))
    except UsageError:  # missing or damaged: the page says so
        return None


def _most_frequent_layout(grids: dict[int, Grid | None]) -> tuple[int, int, int] | None:
    layouts = [grid.layout for grid in grids.values() if grid is not None]
    return max(layouts, key=layouts.count, default=None)
