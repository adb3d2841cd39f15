import pytest
import torch

import learning_to_draw.rasteriser.draw as drawing
from learning_to_draw.rasteriser.dense import DensePolylines
from learning_to_draw.rasteriser.numba_kernels import NumbaPolylines

PATHS = {"dense": DensePolylines, "kernels": NumbaPolylines}


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    """Runs a test with each path for a CPU; float64 has only one."""

    def chosen(device, dtype):
        return PATHS[request.param] if dtype == torch.float32 else DensePolylines

    monkeypatch.setattr(drawing, "_path", chosen)
