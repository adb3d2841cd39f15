"""Converts sketches to SVG: strokes that are sharp at any size, not the agents' pixels. Does not import torch.

In the agents' pictures, the ink of a stroke falls off as exp(-d2 / sigma2), where d2 is the squared distance from the
stroke; in the SVG, the stroke ends where this ink is one half. In both, overlapping strokes give 1 - prod(1 - ink). To
get this, white strokes on black (or black ones on white) are painted one over the other, with their intensities as
opacities. Colours use `mix-blend-mode`: `screen` on black, and `multiply` of their complements on white. A program that
does not support it paints each colour over those below. Curves are smooth in the SVG; in the agents' pictures, most
curves consist of ten line segments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

BLACK, WHITE = "#000", "#fff"


def svg(
    points: Any, sigma2: Any, size: int, intensities: Any = None, invert: bool = False, contrast: float = 1.0
) -> str:
    """Returns one sketch of N strokes as the text of an SVG file, which can also be embedded in a web page.

    Args:
        points: [N, P, 2], array or tensor: control points (row, col) on a canvas from -1 to 1; P = 1 is a point, 2 a
            line, 4 a cubic Bezier curve.
        sigma2: squared stroke width in canvas units: a number, or an array or tensor [N] with one per stroke.
        size: height and width of the agents' pictures in pixels, and of the SVG in its units; pages can enlarge it.
        intensities: [N, C] in 0..1, array or tensor: ink per stroke and colour channel, C = 1 or 3; None: full ink.
        invert: subtract the ink from white paper instead of adding it to black.
        contrast: factor that multiplies the combined ink of all strokes; a factor above 1 multiplies each stroke's ink
            instead.

    Raises:
        ValueError: if an array has another shape.
    """
    points, sigma2, inks = _as_arrays(points, sigma2, intensities)
    # The centre of pixel k is k + 0.5 from the edge; on the canvas, the first and last centres are at -1 and 1.
    places = (points[..., ::-1] + 1) / 2 * (size - 1) + 0.5  # (x, y)
    radii = half_ink_radius(sigma2, contrast) * (size - 1) / 2
    shape, paint = {1: (_circle, "fill"), 2: (_line, "stroke"), 4: (_curve, "stroke")}[points.shape[1]]
    full = np.ones((len(places), 1))
    looks = _looks(full if inks is None else inks * max(1.0, contrast), paint, invert)  # ink above 1 is clipped
    # Each stroke carries its colour and width: several SVG readers do not apply the attributes of a group to strokes.
    drawn = [
        shape(place, radius, look) for place, radius, look in zip(places, radii, looks, strict=True) if look is not None
    ]
    faint = f' opacity="{_number(contrast)}"' if contrast < 1 else ""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {size} {size}">',
        f'<rect width="{size}" height="{size}" fill="{WHITE if invert else BLACK}"/>',
        f'<g stroke-linecap="round" stroke-linejoin="round"{faint} style="isolation:isolate">',
        *drawn,
        "</g>\n</svg>\n",
    ]
    return "\n".join(lines)


def half_ink_radius(sigma2: Any, contrast: float) -> Any:
    """Half the visible width of a stroke with full ink: the distance from its path at which the ink is one half.

    sigma2: squared stroke width. The ink at distance d is contrast * exp(-d^2 / sigma2). A contrast below 1 makes
    strokes fainter, not narrower, and is taken as 1 here.
    """
    return np.sqrt(sigma2 * math.log(2 * max(1.0, contrast)))


def _as_arrays(points: Any, sigma2: Any, intensities: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """points [N, P, 2], sigma2 [N], intensities [N, C] or None, as float64."""
    points, sigma2, inks = _array(points), _array(sigma2), None if intensities is None else _array(intensities)
    if points.ndim != 3 or points.shape[1] not in (1, 2, 4) or points.shape[2] != 2:
        raise ValueError(f"points have the shape {list(points.shape)}: expected [N, 1, 2], [N, 2, 2] or [N, 4, 2]")
    if inks is not None and (inks.ndim != 2 or len(inks) != len(points) or inks.shape[1] not in (1, 3)):
        raise ValueError(
            f"intensities have the shape {list(inks.shape)}: expected [{len(points)}, 1] or [{len(points)}, 3]"
        )
    if sigma2.shape not in ((), (len(points),)):
        raise ValueError(f"sigma2 has the shape {list(sigma2.shape)}: expected a number, or [{len(points)}]")
    return points, np.broadcast_to(sigma2, len(points)), inks


def _array(values: Any) -> np.ndarray:
    """Converts to float64, also from a tensor on a GPU or with a gradient."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)


def _circle(place: np.ndarray, radius: float, look: str) -> str:
    x, y = map(_number, place[0])
    return f'<circle cx="{x}" cy="{y}" r="{_number(radius)}"{look}/>'


def _line(place: np.ndarray, radius: float, look: str) -> str:
    x1, y1, x2, y2 = map(_number, place.flat)
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"{look} stroke-width="{_number(2 * radius)}"/>'


def _curve(place: np.ndarray, radius: float, look: str) -> str:
    start, *others = (" ".join(map(_number, point)) for point in place)
    return f'<path d="M{start}C{" ".join(others)}"{look} stroke-width="{_number(2 * radius)}" fill="none"/>'


def _looks(inks: np.ndarray, paint: str, invert: bool) -> Iterator[str | None]:
    """Yields each stroke's SVG attributes for inks [N, C]; None for a stroke without ink. paint: "stroke" or "fill"."""
    for ink in inks.clip(0, 1):
        if not (255 * ink).round().any():
            yield None
        elif len(ink) == 1:
            opacity = "" if ink[0] == 1 else f' opacity="{_number(ink[0])}"'
            yield f' {paint}="{BLACK if invert else WHITE}"{opacity}'
        else:
            colour = "".join(f"{round(255 * level):02x}" for level in (1 - ink if invert else ink))
            yield f' {paint}="#{colour}" style="mix-blend-mode:{"multiply" if invert else "screen"}"'


def _number(value: float) -> str:
    """Formats with at most three decimals."""
    return f"{round(float(value), 3) + 0.0:.3f}".rstrip("0").rstrip(".")  # + 0.0 makes -0 a 0
