"""Nearest class prototype: whether a sketch is closer to the prototype of its own class than to all other prototypes.

The prototype of a class is the mean of its members, as in Snell et al. 2017.
"""

from __future__ import annotations

import numpy as np

CHUNK = 2**22  # numbers converted to float64 at a time: 32 MiB


def nearest_prototypes(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 [N]: the class (a label, 0..C-1) with the nearest mean; a sketch is left out of the mean of its own class.

    features: [N, ...] of any type, N sketches as pixels or features; distances are Euclidean. labels: int [N]. If
    several classes are equally near, the first one is returned. Raises ValueError if a class has fewer than two
    sketches: if its only sketch is left out, it has no mean.
    """
    labels = np.asarray(labels)
    sizes = np.bincount(labels)
    if sizes.min() < 2:
        raise ValueError(f"each class needs at least two sketches, but class {sizes.argmin()} has {sizes.min()}")
    flat = features.reshape(len(features), -1)
    rows = max(1, CHUNK // flat.shape[1])
    chunks = [slice(start, start + rows) for start in range(0, len(flat), rows)]
    centre = flat.mean(axis=0, dtype=np.float64)  # centred, because squares of large numbers lose digits
    means = np.zeros((len(sizes), flat.shape[1]))
    for chunk in chunks:
        np.add.at(means, labels[chunk], flat[chunk] - centre)
    means /= sizes[:, None]
    return np.concatenate([_nearest(flat[chunk] - centre, labels[chunk], means, sizes) for chunk in chunks])


def _nearest(sketches: np.ndarray, own: np.ndarray, means: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    d2 = (sketches**2).sum(axis=1)[:, None] - 2 * sketches @ means.T + (means**2).sum(axis=1)
    rows, n = np.arange(len(own)), sizes[own]
    # Without the sketch itself, the mean of its class is n / (n - 1) times as far away.
    d2[rows, own] *= (n / (n - 1)) ** 2
    return d2.argmin(axis=1)
