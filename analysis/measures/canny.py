"""Edge maps by Canny's detector (1986)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SIGMA = 1.0  # pixels
LOW, HIGH = 0.1, 0.2  # thresholds of the gradient, for pictures in 0..1
GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)


def edge_maps(pictures: np.ndarray, *, white_paper: bool) -> np.ndarray:
    """uint8 [N, 1, H, W]: the edges of pictures uint8 [N, 1 or 3, H, W], as lines one pixel wide.

    white_paper: True for black lines on white, False for white lines on black.
    """
    grey = pictures[:, 0] / 255 if pictures.shape[1] == 1 else np.einsum("nchw,c->nhw", pictures, GREY) / 255
    maps = np.stack([canny(picture) for picture in grey])[:, None]
    return np.where(maps != white_paper, 255, 0).astype(np.uint8)


def canny(picture: np.ndarray) -> np.ndarray:
    """bool [H, W]: the edges of a grey picture [H, W] in 0..1.

    The steps of Canny (1986), with the default parameters of scikit-image: a Gaussian of width `SIGMA`, Sobel
    gradients, non-maximum suppression along the gradient, and hysteresis, which keeps pixels of gradient
    `LOW` or more that are connected to a pixel of gradient `HIGH` or more. Pixels at the border of the picture are
    never edges.
    """
    # The Gaussian ignores what is outside the picture: its weights on the pixels inside sum to 1.
    inside = ndimage.gaussian_filter(np.ones(picture.shape), SIGMA, mode="constant")
    smooth = ndimage.gaussian_filter(picture.astype(np.float64), SIGMA, mode="constant")
    smooth /= inside + np.finfo(np.float64).eps
    down, right = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    size = np.hypot(down, right)
    peaks = _local_maxima(size, down, right) & (size >= LOW)
    pieces, _ = ndimage.label(peaks, np.ones((3, 3)))
    strong = np.unique(pieces[peaks & (size >= HIGH)])
    return peaks & np.isin(pieces, strong)


def _local_maxima(size: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """bool [H, W]: pixels whose gradient is at least as large as at the next points in its direction, on both sides.

    These points are about one pixel away, between two neighbours of the pixel; the gradient there is interpolated.
    size: the length of the gradient. down, right: its components.
    """
    maxima = np.zeros(size.shape, dtype=bool)
    middle = size[1:-1, 1:-1]
    rows, columns = np.indices(middle.shape) + 1
    y, x = down[1:-1, 1:-1], right[1:-1, 1:-1]
    steep = np.abs(y) > np.abs(x)
    # The neighbour along the larger component, and the diagonal one.
    step_y, step_x = np.where(y < 0, -1, 1), np.where(x < 0, -1, 1)
    straight_y, straight_x = np.where(steep, step_y, 0), np.where(steep, 0, step_x)
    larger, smaller = np.maximum(np.abs(y), np.abs(x)), np.minimum(np.abs(y), np.abs(x))
    share = np.divide(smaller, larger, out=np.zeros_like(smaller), where=larger > 0)
    largest = larger > 0
    for way in (1, -1):
        straight = size[rows + way * straight_y, columns + way * straight_x]
        diagonal = size[rows + way * step_y, columns + way * step_x]
        largest = largest & (middle >= share * diagonal + (1 - share) * straight)
    maxima[1:-1, 1:-1] = largest
    return maxima
