"""Erased strokes: rates by hand, and a stroke without intensity is one that is not there."""

import numpy as np
import torch

from learning_to_draw.analysis.measures.erasure import erasure, mean_drops, without_stroke
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.decoders.config import DecoderConfig


def test_rates_by_hand():
    targets = np.array([0, 1, 2, 0])
    found = erasure(np.array([0, 1, 2, 1]), np.array([[0, 1, 2, 1], [1, 0, 2, 0], [0, 2, 1, 1]]), targets)
    assert found.whole == 0.75
    assert found.rates.tolist() == [0.75, 0.5, 0.25]
    assert found.drops.tolist() == [0, 0.25, 0.5]
    assert found.changed.tolist() == [0, 0.75, 0.5]


def test_mean_drops_by_hand():
    """Four games with up to three drawn strokes.

    0: two of three strokes matter. 1: the only stroke matters. 2: one of two strokes misleads. 3: nothing is drawn.
    """
    targets, guesses = np.array([0, 1, 2, 0]), np.array([0, 1, 0, 0])
    erased = np.array([[1, 2, 2, 0], [2, 1, 0, 0], [0, 1, 0, 0]])
    drawn = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 0]], bool)
    assert mean_drops(guesses, erased, targets, drawn).tolist() == [2 / 3, 1, -1 / 2, 0]


def test_a_stroke_without_ink_draws_as_if_it_were_not_there():
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig(), latent_size=1, image_size=16)
    for points in (1, 2, 4):
        strokes = torch.rand(3, 4, points, 2) * 2 - 1
        for intensities in (None, torch.rand(3, 4, 3)):
            plain = None if intensities is None else intensities.numpy()
            left = without_stroke(plain, strokes.shape, 2)
            assert plain is None or (plain[:, 2] > 0).all()  # the log's own stay as they are
            kept = [0, 1, 3]
            gone = None if intensities is None else intensities[:, kept]
            expected = decoder.draw(Strokes(strokes[:, kept], 0.01, gone))
            drawn = decoder.draw(Strokes(strokes, 0.01, torch.from_numpy(left)))
            assert torch.allclose(drawn, expected, atol=1e-6)
            assert expected.amax() > 0.1
