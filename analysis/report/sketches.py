"""Sketches of the same validation photos over the epochs: as vectors, or as grids if the run has no strokes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from learning_to_draw.analysis.draw.save_svg import strokes_as_svg
from learning_to_draw.analysis.report.pictures import Pictures, open_picture
from learning_to_draw.errors import UsageError
from learning_to_draw.reading import inside
from learning_to_draw.trials.records.gamelog import LoggedStrokes, read_strokes
from learning_to_draw.trials.records.grids import first_pictures
from learning_to_draw.trials.records.read_run import Run

STROKES, GRID = (re.compile(rf"val_{name}") for name in (r"strokes_(\d+)\.npz", r"reconstruction_samples_(\d+)\.png"))
MOST_STROKES = 8000  # on the page, in all epochs: about 0.8 MB
MOST_GRIDS, GRID_SIDE = 12, 1000  # on the page; longest side in pixels
DEFAULT_SIZE = 64  # pixels, if the size is unknown; a wrong size moves strokes by less than a pixel


def sketches_by_epoch(run: Run, pictures: Pictures) -> dict[str, Any] | None:
    """Returns validation photos and their sketches in evenly spaced epochs. Returns None unless the run is a training.

    In the result, "whole" is True if the folder has no strokes in val_strokes_NN.npz (official code, older versions):
    then one grid picture stands for all photos, and one grid picture per epoch for all its sketches. If the folder has
    no readable sketches, the result is {"missing": why}.
    """
    if run.kind != "train":
        return None
    unread: list[str] = []
    found = {
        e: strokes for e, strokes in _by_epoch(run.folder, STROKES, read_strokes, unread).items() if strokes.points.size
    }
    photos = _read(inside(run.folder, "val_samples.png"), _pixels, [])
    if found:
        frames, shown_photos = _as_vectors(run, found, photos, pictures)
    else:
        grids = _by_epoch(run.folder, GRID, _pixels, unread)
        frames = {epoch: [_add_grid(grids[epoch], pictures)] for epoch in evenly(list(grids), MOST_GRIDS)}
        shown_photos = None if photos is None else [_add_grid(photos, pictures)]
        found = grids
    if not frames:
        reason = f" These files cannot be read: {', '.join(unread)}." if unread else ""
        return {"missing": f"This folder has no sketches of validation photos (yet): each epoch adds some.{reason}"}
    rates = {row["epoch"]: row.get("val_commrate") for row in run.rows}
    return {
        "epochs": [
            {"epoch": epoch + 1, "rate": rates.get(epoch), "sketches": sketches} for epoch, sketches in frames.items()
        ],
        "photos": shown_photos,
        "whole": not isinstance(next(iter(found.values())), LoggedStrokes),
        "all_epochs": len(found),
        "unread": unread,
    }


def _as_vectors(
    run: Run, found: Mapping[int, LoggedStrokes], photos: np.ndarray | None, pictures: Pictures
) -> tuple[dict[int, list[int]], list[int] | None]:
    """Returns the sketches by epoch, and the photos, all as indices in `pictures`.

    The returned photos are None if val_samples.png is missing or does not fit the sketches.
    """
    sizes = [strokes.points.shape[:2] for strokes in found.values()]
    count, strokes_each = min(size[0] for size in sizes), max(1, *(size[1] for size in sizes))
    tiles = None if photos is None else first_pictures(photos, count)
    size = DEFAULT_SIZE if tiles is None else len(tiles[0])
    shown = evenly(list(found), max(2, MOST_STROKES // (count * strokes_each)))
    count = max(1, min(count, MOST_STROKES // (len(shown) * strokes_each)))
    invert, contrast = run.options.get("invert") is True, run.options.get("contrast")
    contrast = float(contrast) if isinstance(contrast, int | float) and 0 < contrast < 1e6 else 1.0
    frames = {
        epoch: [pictures.add_svg(text) for text in strokes_as_svg(found[epoch], range(count), size, invert, contrast)]
        for epoch in shown
    }
    return frames, None if tiles is None else [pictures.add(Image.fromarray(tile)) for tile in tiles[:count]]


def evenly(items: Sequence, most: int) -> list:
    """Returns at most `most` of the items, evenly spaced, including the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def _by_epoch(folder: Path, pattern: re.Pattern, read: Any, unread: list[str]) -> dict[int, Any]:
    """Returns epoch -> content of its file, for the files whose names match, in the order of the epochs.

    Adds the names of unreadable files to `unread`.
    """
    matches = [match for path in folder.iterdir() if (match := pattern.fullmatch(path.name)) is not None]
    contents = {
        int(match[1]): _read(inside(folder, match[0]), read, unread)
        for match in sorted(matches, key=lambda match: int(match[1]))
    }
    return {epoch: content for epoch, content in contents.items() if content is not None}


def _read(path: Path, read: Any, unread: list[str]) -> Any:
    try:
        return read(path)
    except UsageError:  # missing or damaged: the page says so
        unread.append(path.name)
        return None


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(open_picture(path))


def _add_grid(pixels: np.ndarray, pictures: Pictures) -> int:
    return pictures.add(Image.fromarray(pixels), GRID_SIDE)
