"""Controls: replacements for the sketches of N games, which show what in a sketch carries the message.

Some functions return indices of games or masks of strokes; callers apply them to the strokes.
"""

from __future__ import annotations

import numpy as np
import torch

from learning_to_draw.models import channel


def other_games(count: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [N]: for each game, another game; each game is used once. Raises ValueError if `count`, N, is below 2."""
    if count < 2:
        raise ValueError(f"exchanging sketches needs at least two games, not {count}")
    order, others = rng.permutation(count), np.empty(count, dtype=np.int64)
    others[order] = np.roll(order, 1)
    return others


def other_games_of_class(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int64 [N]: for each game, another game of its class; -1 if the class has only one game. labels: [N], classes."""
    others = np.full(len(labels), -1, dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            others[members] = members[other_games(len(members), rng)]
    return others


def mixed_strokes(count: int, strokes: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [N, K]: for each stroke of each game, another game, whose stroke with the same number replaces it.

    Raises ValueError if `count`, N, is below 2. strokes: K.
    """
    return np.stack([other_games(count, rng) for _ in range(strokes)], axis=1)


def half_dropped(drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """bool [N, K]: which strokes are dropped: of every sketch, half of the drawn strokes, rounded down, at random.

    drawn: bool [N, K], the strokes that are drawn.
    """
    order = np.where(drawn, rng.random(drawn.shape), np.inf).argsort(axis=1).argsort(axis=1)
    return order < drawn.sum(axis=1, keepdims=True) // 2


def without(dropped: np.ndarray, intensities: np.ndarray | None) -> np.ndarray:
    """float32 [N, K, C]: the intensities of strokes, with zeros for dropped strokes.

    dropped: bool [N, K]. intensities: [N, K, C]; None: C = 1 and all intensities are 1.
    """
    full = np.ones((*dropped.shape, 1), dtype=np.float32) if intensities is None else intensities
    return np.where(dropped[:, :, None], np.float32(0), full)


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    """float32 [N, K, P, 2]: strokes turned anticlockwise about the middle of the canvas.

    points: [N, K, P, 2], (row, col), rows downwards. What leaves the canvas is cut off when it is drawn.
    """
    angles = torch.full((len(points),), degrees, dtype=torch.float64)
    return channel.turned(torch.from_numpy(points).double(), angles).float().numpy()


def shifted(points: np.ndarray, distance: float, rng: np.random.Generator) -> np.ndarray:
    """float32 [N, K, P, 2]: every sketch shifted by `distance` (in canvas units) in its own random direction.

    points: [N, K, P, 2], on a canvas that spans -1..1. What leaves the canvas is cut off when it is drawn.
    """
    angles = rng.uniform(0, 2 * np.pi, (len(points), 1, 1))
    return (points + distance * np.stack([np.sin(angles), np.cos(angles)], axis=-1)).astype(np.float32)
