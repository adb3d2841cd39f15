"""Differentiable drawing: pure functions from strokes to pixels.

The names are those of `dsketch.raster`, the official rasteriser; `draw_points`, `draw_lines`, `draw_curves`,
`catmull_rom_to_bezier` and `pixel_grid` are new. The `draw_*` functions are fast and need little memory. The other
functions (curves, squared distances, relaxations, compositions) define the result of `draw_*`.
"""

from .composite import over, over_recursive, smoothmax, softor
from .curves import (
    catmull_rom_spline,
    catmull_rom_to_bezier,
    centripetal_catmull_rom_spline,
    chordal_catmull_rom_spline,
    cubic_bezier,
    linear_bezier,
    quadratic_bezier,
    uniform_catmull_rom_spline,
)
from .distance import (
    create_curve_edt2_bruteforce,
    curve_edt2_bruteforce,
    curve_edt2_polyline,
    line_edt2,
    point_edt2,
)
from .draw import draw_curves, draw_lines, draw_points
from .grid import pixel_grid
from .relaxation import (
    compute_nearest_neighbour_sigma,
    compute_nearest_neighbour_sigma_bres,
    exp,
    nearest_neighbour,
    sigmoid,
)

__all__ = [
    "catmull_rom_spline",
    "catmull_rom_to_bezier",
    "centripetal_catmull_rom_spline",
    "chordal_catmull_rom_spline",
    "compute_nearest_neighbour_sigma",
    "compute_nearest_neighbour_sigma_bres",
    "create_curve_edt2_bruteforce",
    "cubic_bezier",
    "curve_edt2_bruteforce",
    "curve_edt2_polyline",
    "draw_curves",
    "draw_lines",
    "draw_points",
    "exp",
    "line_edt2",
    "linear_bezier",
    "nearest_neighbour",
    "over",
    "over_recursive",
    "pixel_grid",
    "point_edt2",
    "quadratic_bezier",
    "sigmoid",
    "smoothmax",
    "softor",
    "uniform_catmull_rom_spline",
]
