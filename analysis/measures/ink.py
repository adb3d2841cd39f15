"""The use of ink: how much ink a sketch has, and which strokes are invisible or mere dots."""

from __future__ import annotations

import numpy as np
import torch

from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import DecoderConfig

VISIBLE = 1 / 255
CHUNK = 2**23  # pixels drawn at a time: 32 MiB


def ink_shares(sketches: np.ndarray, *, white_paper: bool) -> np.ndarray:
    """float64 [N]: mean ink, from 0 (blank) to 1 (full ink everywhere), of each of the sketches uint8 [N, C, H, W]."""
    levels = sketches.reshape(len(sketches), -1).mean(axis=1) / 255
    return 1 - levels if white_paper else levels


def paper_is_white(sketches: np.ndarray) -> bool:
    """Guesses whether the paper is white, from the corner pixels of sketches uint8 [N, C, H, W]."""
    return bool(np.median(sketches[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]) > 127.5)


def visible_strokes(
    points: np.ndarray,
    sigma2: float | np.ndarray,
    intensities: np.ndarray | None,
    *,
    contrast: float,
    image_size: int,
) -> np.ndarray:
    """bool [N, K]: whether a stroke, drawn alone, gives at least 1/255 of ink in some channel of some pixel.

    points: float32 [N, K, P, 2]. sigma2: the squared stroke width, a number or [N, K].
    intensities: [N, K, C]; None: C = 1 and all intensities are 1.
    """

    def alone(array: np.ndarray) -> np.ndarray:
        return array.reshape(-1, 1, *array.shape[2:])

    strokes = Strokes.from_arrays(
        alone(points),
        alone(sigma2) if isinstance(sigma2, np.ndarray) else sigma2,
        None if intensities is None else alone(intensities),
    )
    channels = 1 if intensities is None else intensities.shape[-1]
    rows = max(1, CHUNK // (channels * image_size**2))
    # The decoder is only used to draw, so it needs no latent.
    decoder = Decoder(DecoderConfig(contrast=contrast), latent_size=0, image_size=image_size)
    visible = []
    for start in range(0, len(strokes.points), rows):
        pictures = decoder.draw(strokes[start : start + rows])
        visible.append(pictures.flatten(1).amax(dim=1) >= VISIBLE)
    return torch.cat(visible).reshape(points.shape[:2]).numpy()


def dots(points: np.ndarray, length: float) -> np.ndarray:
    """bool [N, K]: whether all control points of a stroke are closer than `length` to its first one.

    points: [N, K, P, 2].
    """
    return np.linalg.norm(points - points[:, :, :1], axis=-1).max(axis=2) < length
