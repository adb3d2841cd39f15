"""Sketches and the mean of their class, by hand and against a plain loop."""

import numpy as np
import pytest

from learning_to_draw.analysis.measures import prototypes
from learning_to_draw.analysis.measures.prototypes import nearest_prototypes


def test_a_sketch_is_left_out_of_its_own_class():
    """4 is nearer to the mean of 0 and 4 than to that of 6 and 8, but without itself only 0 is left of its class."""
    features = np.array([[0.0], [4.0], [6.0], [8.0]])
    assert nearest_prototypes(features, [0, 0, 1, 1]).tolist() == [0, 1, 1, 1]


def test_a_loop_gives_the_same_of_pixels(monkeypatch):
    monkeypatch.setattr(prototypes, "CHUNK", 100)  # two sketches at a time
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 2, 0, 1, 1, 2, 0, 2, 2])
    sketches = rng.integers(0, 256, (10, 3, 4, 4), dtype=np.uint8)

    def nearest(k):
        others = np.arange(10) != k
        means = [sketches[others & (labels == c)].mean(axis=0) for c in range(3)]
        return int(np.argmin([np.linalg.norm(sketches[k] - mean) for mean in means]))

    expected = [nearest(k) for k in range(10)]
    assert len(set(expected)) > 1
    assert nearest_prototypes(sketches, labels).tolist() == expected


def test_values_far_from_zero_lose_nothing():
    features = 1e7 + np.array([[0.0], [0.1], [0.3], [0.4]])
    assert nearest_prototypes(features, [0, 0, 1, 1]).tolist() == [0, 0, 1, 1]


def test_one_sketch_alone_has_no_prototype():
    with pytest.raises(ValueError, match="two sketches, but class 1 has 1"):
        nearest_prototypes(np.zeros((3, 2)), [0, 0, 1])
