"""The style of figures for papers; functions that render them as PNG and PDF with matplotlib (the extra [plots])."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.packages import import_optional

logger = logging.getLogger("commgame")

STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "pdf.fonttype": 42,  # TrueType: text that can be selected and edited, as publishers ask for
    "ps.fonttype": 42,
    "savefig.dpi": 300,
}
COLUMN, PAGE = 3.3, 6.75  # inches: widths of a column and of the text in a two-column paper
RIGHT, WRONG, GREY = "#009E73", "#D55E00", "#767676"


def saved(name: str, figure: Any) -> Mapping[str, bytes]:
    """Returns file name -> content: the matplotlib figure as NAME.png and NAME.pdf. Equal figures give equal bytes."""
    files = {}
    for kind, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None, "Producer": None})):
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=metadata)
        files[f"{name}.{kind}"] = file.getvalue()
    return files


def figure_if_possible(
    name: str, command: str, size: tuple[float, float], draw: Callable[[Any], None]
) -> Mapping[str, bytes]:
    """Returns what `saved` returns. Without matplotlib, returns {} and logs a warning that names `command`.

    size: width and height in inches. draw: draws on the empty matplotlib figure.
    """
    try:
        matplotlib = import_optional("matplotlib", f"the figure of {command}", "matplotlib")
        figure_of = import_optional("matplotlib.figure", f"the figure of {command}", "matplotlib").Figure
    except UsageError as error:
        logger.warning("%s", first_line(error))
        return {}
    with matplotlib.rc_context(STYLE):
        figure = figure_of(figsize=size, layout="constrained")
        draw(figure)
        return saved(name, figure)
