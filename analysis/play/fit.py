"""Turns what a hand draws into strokes such as the agents draw: straight lines, cubic Bezier curves or points."""

from __future__ import annotations

import numpy as np

TOLERANCE = 0.06  # canvas units: how far a point of the hand's path may be from the fitted strokes, if strokes are left
SPACING = 0.15  # canvas units: smallest distance, along the path, between the points drawn for it


def fitted(path: np.ndarray, control_points: int, most: int) -> np.ndarray:
    """float64 [K, P, 2]: at most `most` strokes that follow a path of a hand.

    path: float64 [M, 2], (row, col) on a canvas from -1 to 1, in the order drawn. control_points: P, which is 1 for
    strokes that are points, 2 for straight lines, 4 for cubic Bezier curves. All points of the path are within
    `TOLERANCE` of the lines or curves, unless that takes more than `most` strokes. Strokes that are points lie on the
    path.
    """
    path = _distinct(path)
    if control_points == 1:
        return _points(path, most)[:, None]
    if len(path) == 1:
        return np.repeat(path[None], control_points, axis=1)
    pieces = _pieces(path, most, _line_error if control_points == 2 else _curve_error)
    if control_points == 2:
        return np.stack([piece[[0, -1]] for piece in pieces])
    return np.stack([_curve(piece) for piece in pieces])


def _distinct(path: np.ndarray) -> np.ndarray:
    """Returns the path without points that equal the point before."""
    moved = np.any(np.diff(path, axis=0) != 0, axis=1)
    return path[np.concatenate([[True], moved])]


def _points(path: np.ndarray, most: int) -> np.ndarray:
    """[K, 2]: points along the path at equal distances of at least `SPACING`."""
    along = _lengths(path)
    count = min(most, 1 + int(along[-1] / SPACING))
    places = np.linspace(0, along[-1], count)
    return np.stack([np.interp(places, along, path[:, axis]) for axis in (0, 1)], axis=1)


def _lengths(path: np.ndarray) -> np.ndarray:
    """[M]: the length of the path up to every point."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])


def _pieces(path: np.ndarray, most: int, error) -> list[np.ndarray]:
    """Returns pieces of the path; each begins at the last point of the piece before it.

    Splits the worst piece until all errors are at most `TOLERANCE`, or there are `most` pieces.

    error: piece -> (the largest distance of its points from the stroke fitted to it, the index of the point with this
    distance). With `_line_error`, this is the algorithm of Ramer (1972) and Douglas and Peucker (1973), with the worst
    piece first.
    """
    pieces = [path]
    while len(pieces) < most:
        errors = [error(piece) for piece in pieces]
        worst = int(np.argmax([largest for largest, _ in errors]))
        largest, place = errors[worst]
        if largest <= TOLERANCE:
            break
        piece = pieces[worst]
        pieces[worst : worst + 1] = [piece[: place + 1], piece[place:]]
    return pieces


def _line_error(piece: np.ndarray) -> tuple[float, int]:
    """Returns the largest distance of a point from the line between the ends, and the index of this point."""
    start, end = piece[0], piece[-1]
    direction = end - start
    length = float(direction @ direction)
    along = np.clip((piece - start) @ direction / length, 0, 1) if length else np.zeros(len(piece))
    distances = np.linalg.norm(piece - start - along[:, None] * direction, axis=1)
    return _worst(distances)


def _curve_error(piece: np.ndarray) -> tuple[float, int]:
    """Returns the largest distance of a point from the fitted curve, and the index of this point.

    Compares each point with the curve at the point's t (see `_weights`).
    """
    return _worst(np.linalg.norm(_weights(piece) @ _curve(piece) - piece, axis=1))


def _worst(distances: np.ndarray) -> tuple[float, int]:
    """Returns the largest distance, ends excluded, and its index; (0, 0) for a piece that cannot be split."""
    if len(distances) < 3:
        return 0.0, 0
    place = 1 + int(np.argmax(distances[1:-1]))
    return float(distances[place]), place


def _weights(piece: np.ndarray) -> np.ndarray:
    """[M, 4]: the four cubic Bernstein polynomials at each point's t.

    t is the length of the piece up to the point, divided by the length of the whole piece.
    """
    along = _lengths(piece)
    t = (along / along[-1])[:, None]
    return np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)


def _curve(piece: np.ndarray) -> np.ndarray:
    """[4, 2]: the control points of the cubic Bezier curve that goes through the piece's ends and fits it best.

    The best fit has the least sum of squared distances between each point and the curve at the point's t (see
    `_weights`). This is Schneider's method (1990), but with free tangents at the ends, and without the iteration that
    changes t. For a piece with fewer than four points, the curve is the straight line between its ends.
    """
    ends = piece[[0, -1]]
    straight = np.stack([ends[0], ends[0] + (ends[1] - ends[0]) / 3, ends[0] + (ends[1] - ends[0]) * 2 / 3, ends[1]])
    if len(piece) < 4:
        return straight
    weights = _weights(piece)
    rest = piece - weights[:, [0, 3]] @ ends
    controls, *_ = np.linalg.lstsq(weights[:, 1:3], rest, rcond=None)
    return np.stack([ends[0], *controls, ends[1]])
