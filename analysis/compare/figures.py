"""Figures for a paper, with matplotlib (the extra [plots]): learning curves, rates, sketches.

`figures` returns all files; `plot_curves` and `plot_rates` draw on your own matplotlib axes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from learning_to_draw.analysis.compare.settings import Setting, numeric_option, numeric_options, option_text
from learning_to_draw.analysis.compare.sketches import Sketches
from learning_to_draw.analysis.figure_style import COLUMN, GREY, PAGE, RIGHT, STYLE, WRONG, saved
from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.packages import import_optional

# Okabe and Ito (2008): distinguishable with common colour blindness. Without yellow, which is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
DOTTED = {"color": GREY, "linestyle": ":", "linewidth": 1, "zorder": 0}
MOST_INSIDE = 5  # with more settings, the legend is below the axes
SMALL = {"markersize": 2.5, "alpha": 0.6, "markeredgewidth": 0}
LOG_FROM = 10  # the axis is logarithmic if largest / smallest value is at least this
NEEDED_BY = "compare --figures"


def figures(settings: Sequence[Setting], against: str | None, sketches: Sketches | None) -> dict[str, bytes]:
    """Returns file name -> content: curves, rate, figure (curves and rate side by side), sketches, as PNG and PDF.

    against: the option on the x axis of the rates; if None, each setting has its own row. sketches: if None, there is
    no figure of sketches. Raises UsageError if matplotlib is not installed.
    """
    matplotlib = import_optional("matplotlib", NEEDED_BY, "matplotlib")
    figure_of = import_optional("matplotlib.figure", NEEDED_BY, "matplotlib").Figure
    below = 0.13 * (len(settings) + 2) / 2 if len(settings) > MOST_INSIDE else 0  # room for the curves' legend
    height = 2.3 if against else max(1.6, 0.7 + 0.34 * len(settings))
    files: dict[str, bytes] = {}
    with matplotlib.rc_context(STYLE):
        figure = figure_of(figsize=(COLUMN, 2.3 + below), layout="constrained")
        plot_curves(figure.subplots(), settings)
        files |= saved("curves", figure)
        figure = figure_of(figsize=(COLUMN, height), layout="constrained")
        plot_rates(figure.subplots(), settings, against)
        files |= saved("rate", figure)
        figure = figure_of(figsize=(PAGE, max(2.3 + below, height)), layout="constrained")
        left, right = figure.subplots(1, 2)
        plot_curves(left, settings)
        plot_rates(right, settings, against)
        for axes, letter in ((left, "a"), (right, "b")):
            axes.set_title(letter, loc="left", fontweight="bold")
        files |= saved("figure", figure)
        if sketches is not None:
            figure = figure_of(figsize=(PAGE, (len(sketches.rows) + 1) * 0.68 + 0.1))
            plot_sketches(figure, sketches)
            files |= saved("sketches", figure)
    return files


def swept_option(settings: Sequence[Setting]) -> str | None:
    """Returns the default of --against: the option in which the settings differ, if there is only one and it is
    numeric; otherwise None."""
    numeric = numeric_options(settings)
    return numeric[0] if len(numeric) == 1 and len(settings[0].differing) == 1 else None


def plot_curves(axes: Any, settings: Sequence[Setting]) -> None:
    """Plots validation rates per epoch, in per cent: mean over seeds, with a band from the lowest to the highest rate.

    axes: of matplotlib. Leaves out epochs that are missing for one of the setting's seeds.
    """
    for number, setting in enumerate(settings):
        curves = [dict(run.curve) for run in setting.runs]
        epochs = sorted(set.intersection(*map(set, curves)))
        rates = np.array([[100 * curve[epoch] for epoch in epochs] for curve in curves])
        look = {"color": _colour(number, len(settings))}
        if len(epochs) < 15:
            look |= {"marker": "o", "markersize": 2.5}
        axes.plot(epochs, rates.mean(axis=0), label=_text(setting.label, 30), **look)
        if len(curves) > 1:
            axes.fill_between(epochs, rates.min(axis=0), rates.max(axis=0), color=look["color"], alpha=0.2, linewidth=0)
    for number, chance in enumerate(dict.fromkeys(round(setting.chance, 9) for setting in settings)):
        axes.axhline(100 * chance, label="" if number else "chance", **DOTTED)
    last = max((epoch for setting in settings for run in setting.runs for epoch, _ in run.curve), default=1)
    ends = (1 - 0.03 * last, last + 0.03 * last)
    axes.set(xlabel="epoch", ylabel="validation rate, %", xlim=ends, ylim=(0, 102))
    axes.xaxis.get_major_locator().set_params(integer=True)
    where = {"loc": "best", "frameon": True, "edgecolor": "none"}  # no line is drawn through the text
    if len(settings) > MOST_INSIDE:
        where = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.25), "ncols": 2, "fontsize": 6, "columnspacing": 1}
    axes.legend(handlelength=1.6, labelspacing=0.3, **where)


def plot_rates(axes: Any, settings: Sequence[Setting], against: str | None = None) -> None:
    """Plots test rates, in per cent: one point per seed, and mean ± standard deviation over seeds.

    axes: of matplotlib. against: a numeric option for the x axis; a line joins settings with equal values of all other
    options. If None, each setting has its own row. Raises UsageError unless the settings differ in `against` and it is
    numeric in every setting.
    """
    if against is None:
        _rates_by_setting(axes, settings)
    else:
        _rates_by_value(axes, settings, numeric_option(against, settings))


def _rates_by_value(axes: Any, settings: Sequence[Setting], against: str) -> None:
    lines: dict[str, list[tuple[float, Setting]]] = {}
    for setting in settings:
        others = [option_text(name, value) for name, value in setting.differing.items() if name != against]
        lines.setdefault(", ".join(others), []).append((setting.number(against), setting))
    # Single seeds are drawn 4 pt to the right of the mean.
    shift = import_optional("matplotlib.transforms", NEEDED_BY, "matplotlib").offset_copy
    beside = shift(axes.transData, axes.figure, x=4, units="points")
    for number, (label, points) in enumerate(lines.items()):
        points.sort(key=lambda point: point[0])
        look = {"color": _colour(number, len(lines)), "marker": MARKERS[number % len(MARKERS)]}
        for value, setting in points:
            rates = [100 * rate for rate in setting.rates]
            axes.plot([value] * len(rates), rates, transform=beside, linestyle="", **SMALL, **look)
        values = [value for value, _ in points]
        means = [100 * setting.mean for _, setting in points]
        spread = [100 * (setting.deviation or 0) for _, setting in points]
        axes.errorbar(values, means, spread, markersize=4, capsize=2, label=_text(label, 40), **look)
    ends = sorted({value for points in lines.values() for value, _ in points})
    if ends[0] > 0 and ends[-1] / ends[0] >= LOG_FROM:
        axes.set_xscale("log")
    axes.margins(x=0.1)
    if len(ends) <= 8:
        axes.set_xticks(ends, [f"{value:g}" for value in ends])
        axes.set_xticks([], minor=True)
    chance = sorted({(s.number(against), 100 * s.chance) for s in settings})
    if _one_chance(settings):
        axes.axhline(chance[0][1], **DOTTED)
    else:
        axes.plot(*zip(*chance, strict=True), **DOTTED)
    axes.annotate("chance", chance[-1], (0, 2), textcoords="offset points", color=GREY, fontsize=7, ha="center")
    axes.set(xlabel=_text(against.replace("_", " "), 40), ylabel="test rate, %", ylim=(0, 102))
    if len(lines) > 1:
        axes.legend(loc="best", handlelength=1.6, labelspacing=0.3)


def _rates_by_setting(axes: Any, settings: Sequence[Setting]) -> None:
    for row, setting in enumerate(settings):
        colour, rates = _colour(row, len(settings)), [100 * rate for rate in setting.rates]
        axes.plot(rates, [row + 0.16] * len(rates), "o", color=colour, **SMALL)
        spread = 100 * (setting.deviation or 0)
        axes.errorbar(100 * setting.mean, row - 0.08, xerr=spread, fmt="o", color=colour, markersize=4, capsize=2)
        if not _one_chance(settings):
            axes.plot([100 * setting.chance] * 2, [row - 0.3, row + 0.3], **DOTTED)
    if _one_chance(settings):
        axes.axvline(100 * settings[0].chance, **DOTTED)
    axes.annotate(
        "chance", (100 * settings[0].chance, -0.3), (2, 0), textcoords="offset points", color=GREY, fontsize=7
    )
    axes.set(xlabel="test rate, %", xlim=(0, 102), ylim=(len(settings) - 0.5, -0.6))
    axes.set_yticks(range(len(settings)), [_wrapped(setting.label, 22) for setting in settings])
    axes.tick_params(axis="y", length=0)


def plot_sketches(figure: Any, sketches: Sketches) -> None:
    """Draws a row of photos, and one row of sketches per setting. Right and wrong guesses have frames of different
    colours; wrong ones also have a cross."""
    rows, columns = len(sketches.rows) + 1, len(sketches.photos)
    labels = [_wrapped(row.label, 15) for row in sketches.rows]
    left = 0.02 + 0.0115 * max(len(line) for label in ("photos", *labels) for line in label.splitlines())
    grid = figure.add_gridspec(rows, columns, left=left, right=0.995, top=0.985, bottom=0.015, wspace=0.1, hspace=0.1)
    places = grid.subplots(squeeze=False)
    for column, path in enumerate(sketches.photos):
        _show(places[0, column], path, None)
    for row, setting in enumerate(sketches.rows, 1):
        for column, (path, right) in enumerate(zip(setting.sketches, setting.right, strict=True)):
            _show(places[row, column], path, right)
    for row, label in enumerate(("photos", *labels)):
        places[row, 0].text(-0.12, 0.5, label, transform=places[row, 0].transAxes, ha="right", va="center")


def _show(axes: Any, path: Any, right: bool | None) -> None:
    """Shows one picture. right: whether the guess was right; None for a photo."""
    axes.imshow(take_from(path, _pixels), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(right is not None)
        spine.set(edgecolor=RIGHT if right else WRONG, linewidth=1.5)
    if right is False:
        look = {"markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.5}
        axes.plot(0.9, 0.9, "X", color=WRONG, transform=axes.transAxes, clip_on=False, **look)


def _pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))


def _one_chance(settings: Sequence[Setting]) -> bool:
    """Returns whether the chance level is the same for all runs."""
    return len({round(run.chance, 9) for setting in settings for run in setting.runs}) == 1


def _colour(number: int, of: int) -> Any:
    if of <= len(COLOURS):
        return COLOURS[number]
    colormaps = import_optional("matplotlib", NEEDED_BY, "matplotlib").colormaps
    return colormaps["viridis"](0.9 * number / (of - 1))


def _text(text: str, most: int) -> str:
    """Returns the text, cut to `most` characters, with $ escaped: matplotlib would read $ as the start of a formula."""
    return (text if len(text) <= most else f"{text[: most - 3]}...").replace("$", r"\$")


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(_text(text, 200), width, max_lines=3, placeholder=" ..."))
