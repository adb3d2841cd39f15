"""Canny's edges, against scikit-image."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import feature

from learning_to_draw.analysis.measures.canny import canny, edge_maps

RNG = np.random.default_rng(0)
PICTURES = {
    "noise": RNG.random((40, 50)),
    "smooth": ndimage.gaussian_filter(RNG.random((64, 64)), 2) * 4 % 1,
    "disc": (np.hypot(*(np.indices((64, 64)) - 31.5)) < 20).astype(float),
    "weak and strong": np.kron(np.array([[0.1, 0.2, 0.9], [0.15, 0.1, 0.5]]), np.ones((20, 20))),
    "flat": np.full((12, 12), 0.5),
}


@pytest.mark.parametrize("name", PICTURES)
def test_edges_are_those_of_scikit_image(name):
    edges = canny(PICTURES[name])
    assert np.array_equal(edges, feature.canny(PICTURES[name]))
    assert edges.any() == (name != "flat")


def test_a_step_is_an_edge_on_both_of_its_sides():
    step = np.zeros((10, 10))
    step[:, 5:] = 1
    edges = canny(step)
    assert edges[1:-1, [4, 5]].all()
    assert not edges[:, [0, 1, 2, 3, 6, 7, 8, 9]].any()


def test_edge_maps_are_lines_on_paper():
    colour = (RNG.random((2, 3, 32, 32)) * 255).astype(np.uint8)
    on_white, on_black = (edge_maps(colour, white_paper=white) for white in (True, False))
    assert on_white.shape == (2, 1, 32, 32)
    assert np.array_equal(on_white, 255 - on_black)
    grey = np.tensordot([0.2989, 0.587, 0.114], colour[1] / 255, 1)
    assert np.array_equal(on_black[1, 0] == 255, feature.canny(grey))
    assert np.array_equal(edge_maps(colour[:, :1], white_paper=False)[0, 0] == 255, feature.canny(colour[0, 0] / 255))
