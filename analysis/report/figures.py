"""Figures for a paper, with matplotlib (the extra [plots]): the lexicon, the roles of strokes, the map of sketches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from learning_to_draw.analysis.figure_style import COLUMN, GREY, PAGE, STYLE, WRONG, saved
from learning_to_draw.analysis.report.lexicon import Entry, mean_sketch, rate_of
from learning_to_draw.analysis.report.pictures import open_picture
from learning_to_draw.analysis.report.roles import Roles
from learning_to_draw.analysis.report.sketch_map import SketchMap
from learning_to_draw.analysis.report.views import Views
from learning_to_draw.packages import import_optional
from learning_to_draw.trials.records.atomic import make_folder
from learning_to_draw.trials.records.gamelog import GameLog
from learning_to_draw.trials.records.own_files import check_own_files, claimed_folder, replace_own_files

RECORD, NEEDED_BY = "figures.json", "report --figures"
TILE, GAP, LETTER = 0.38, 0.04, 0.047  # inches, in the lexicon
# (maximum number of classes, blocks next to each other, width in inches, sketches of each class)
LEXICONS = ((12, 1, 0.8 * COLUMN, 3), (40, 2, PAGE, 3), (math.inf, 3, PAGE, 2))
ROLES_PER_ROW = 8
BEZIER = 16  # segments of a curve
THUMBNAIL = 0.24  # inches, on the map


def figures(logs: Sequence[GameLog], views: Sequence[Views]) -> dict[str, bytes]:
    """File name -> content: lexicon, roles and map of each log, as PNG and PDF, except those that are empty or None.

    With several logs, the file names contain the number of the log, from 1. Raises UsageError without matplotlib.
    """
    matplotlib = import_optional("matplotlib", NEEDED_BY, "matplotlib")
    files: dict[str, bytes] = {}
    with matplotlib.rc_context(STYLE):
        for number, (log, view) in enumerate(zip(logs, views, strict=True), 1):
            suffix = "" if len(logs) == 1 else f"-{number}"
            if view.lexicon:
                files |= saved(f"lexicon{suffix}", plot_lexicon(log, view.lexicon))
            if view.roles is not None:
                files |= saved(f"roles{suffix}", plot_roles(view.roles))
            if view.map is not None:
                files |= saved(f"map{suffix}", plot_map(log, view.map))
    return files


def write_figures(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files. Raises UsageError if this would replace a file that this command did not write."""
    check_own_files(folder, files, RECORD)
    make_folder(folder)
    with claimed_folder(folder, files, RECORD):
        replace_own_files(folder, files, RECORD)


def plot_lexicon(log: GameLog, entries: Sequence[Entry]) -> Any:
    """Returns a figure of all classes, sorted by rate, the highest first.

    Shows each class's name, rate with its interval, most frequent confusion, mean sketch, and some of its sketches.
    """
    blocks, width, sketches = next(layout for most, *layout in LEXICONS if len(entries) <= most)
    rows = math.ceil(len(entries) / blocks)
    figure, axes = _canvas(width, rows * (TILE + GAP) + GAP)
    tiles = (1 + sketches) * (TILE + GAP)
    letters = int((width / blocks - tiles - GAP) / LETTER)
    for place, entry in enumerate(sorted(entries, key=lambda entry: (-entry.right / entry.played, entry.name))):
        column, row = divmod(place, rows)
        left, top = column * width / blocks, row * (TILE + GAP) + GAP
        examples = [open_picture(log.picture(log.games[number].sketch)) for number in entry.sketches[:sketches]]
        start = left + width / blocks - tiles
        axes.text(start - GAP, top + TILE / 2, _described(entry, letters), fontsize=5.5, ha="right", va="center")
        for number, picture in enumerate((mean_sketch(log, entry), *examples)):
            _show(axes, picture, start + number * (TILE + GAP), top, TILE)
    return figure


def _described(entry: Entry, letters: int) -> str:
    rate, low, high = (100 * rate_of(entry.right, entry.played)[name] for name in ("rate", "low", "high"))
    lines = [_short(entry.name, letters), f"{rate:.0f} % ({low:.0f} to {high:.0f} %)"]
    if entry.confused:
        name, times = entry.confused
        games = f" ({times})"
        lines.append(f"\u2192 {_short(name, letters - len(games) - 2)}{games}")
    return "\n".join(lines)


def _short(text: str, letters: int) -> str:
    """Puts `text` on one line, cut to `letters` characters, then escapes $: matplotlib would read $ as mathematics."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return (text if len(text) <= letters else f"{text[: letters - 3]}...").replace("$", r"\$")


def plot_roles(roles: Roles) -> Any:
    """Returns a figure with one panel per stroke: the stroke in the n drawings that have it.

    Panels show n if some drawings lack some strokes. The colours go from grey, for strokes whose erasure does not lower
    the communication rate, to orange, for the stroke whose erasure lowers it the most.
    """
    strokes = roles.points.shape[1]
    columns = min(ROLES_PER_ROW, strokes)
    rows, side = math.ceil(strokes / columns), PAGE / ROLES_PER_ROW
    figure, axes = _canvas(columns * side, rows * (side + 0.14) + GAP)
    collections = import_optional("matplotlib.collections", NEEDED_BY, "matplotlib")
    rectangle = import_optional("matplotlib.patches", NEEDED_BY, "matplotlib").Rectangle
    most = max(roles.lost or [0.0])
    alpha = max(0.05, min(0.5, 25 / len(roles.points)))
    for stroke in range(strokes):
        row, column = divmod(stroke, columns)
        left, top, size = column * side + GAP / 2, row * (side + 0.14) + 0.14, side - GAP
        frame = rectangle((left, top), size, size, fill=False, edgecolor="0.8", linewidth=0.5)
        axes.add_patch(frame)
        lost = roles.lost[stroke] if roles.lost else None
        look: dict[str, Any] = {"linewidths": 0.4, "alpha": alpha, "colors": [_between(lost, most)]}
        drawn = roles.drawn[:, stroke]
        lines = collections.LineCollection(_polylines(roles.points[drawn, stroke]) * size + (left, top), **look)
        axes.add_collection(lines, autolim=False)
        lines.set_clip_path(frame)
        axes.text(left, top - 0.02, f"{roles.numbers[stroke]}", fontsize=6, va="bottom")
        if not roles.drawn.all():
            axes.text(left + 0.03, top + size - 0.03, f"n = {drawn.sum()}", fontsize=5, va="bottom")
        if lost is not None:
            axes.text(
                left + size,
                top - 0.02,
                f"{-100 * lost:+.1f} %".replace("-", "\u2212"),
                fontsize=6,
                ha="right",
                va="bottom",
            )
    return figure


def _between(lost: float | None, most: float) -> Any:
    """Returns a colour from grey (`lost` is 0) to orange (`lost` is `most`); orange if `lost` is None."""
    colours = import_optional("matplotlib.colors", NEEDED_BY, "matplotlib")
    grey, orange = (np.array(colours.to_rgb(name)) for name in (GREY, WRONG))
    share = 1.0 if lost is None else max(0.0, lost) / most if most > 0 else 0.0
    return tuple(grey + share * (orange - grey))


def _polylines(points: np.ndarray) -> np.ndarray:
    """[M, T, 2]: strokes [M, P, 2] as polylines. A point is a short line, a curve has BEZIER segments."""
    if points.shape[1] == 1:
        return np.concatenate((points - (0.005, 0), points + (0.005, 0)), axis=1)
    if points.shape[1] == 2:
        return points
    t = np.linspace(0, 1, BEZIER + 1)[:, None]
    weights = np.hstack(((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3))
    return np.einsum("tp,mpc->mtc", weights, points)


def plot_map(log: GameLog, found: SketchMap) -> Any:
    """Returns the map of sketches, with thumbnails where there is room, dots elsewhere, and the names of classes."""
    width, height = PAGE, 0.75 * PAGE
    figure, axes = _canvas(width, height)
    room = np.array([width - THUMBNAIL, height - THUMBNAIL])
    corners = found.places * room
    shown: list[np.ndarray] = []
    for number, corner in zip(found.games, corners, strict=True):
        if all(np.abs(corner - other).max() >= THUMBNAIL for other in shown):
            shown.append(corner)
            _show(axes, open_picture(log.picture(log.games[number].sketch)), *corner, THUMBNAIL)
        else:
            axes.plot(*(corner + THUMBNAIL / 2), ".", color=GREY, markersize=2, zorder=-1)
    effects = import_optional("matplotlib.patheffects", NEEDED_BY, "matplotlib")
    for name, place in found.labels.items():
        text = axes.text(*(np.array(place) * room + THUMBNAIL / 2), _short(name, 20), fontweight="bold", zorder=4)
        text.set(ha="center", va="center", path_effects=[effects.withStroke(linewidth=2.5, foreground="white")])
    return figure


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    """Returns a figure, and axes that fill it. Their coordinates are inches from the top left corner."""
    figure = import_optional("matplotlib.figure", NEEDED_BY, "matplotlib").Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), aspect="auto", xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _show(axes: Any, picture: Image.Image, left: float, top: float, side: float) -> None:
    limits = (axes.get_xlim(), axes.get_ylim())
    extent = (left, left + side, top + side, top)
    axes.imshow(np.asarray(picture), extent=extent, interpolation="nearest", aspect="auto")
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.plot(*zip(*_corners(left, top, side), strict=True), color="0.8", linewidth=0.4)


def _corners(left: float, top: float, side: float) -> list[tuple[float, float]]:
    return [(left + x * side, top + y * side) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
