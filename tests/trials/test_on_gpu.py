"""A whole training and its test on a GPU, compared with the same on the CPU."""

import pytest

from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.test import test as play_test
from learning_to_draw.trials.train import train
from learning_to_draw.trials.trained import configure_test


def losses_on(device, folder):
    """The losses of the last validation and of the test, after one epoch on Digits."""
    small = {"image_size": 16, "latent_size": 16, "nlines": 3, "batch_size": 12, "epochs": 1}
    trained = train(
        configure("train", **small, encoder="SmallCNNEncoder", seed=0, device=device, output=str(folder / "training"))
    )
    tested = play_test(configure_test(trained.weights, device=device, output=str(folder / "test")))
    return [trained.loss, tested.loss]


@pytest.mark.gpu
def test_a_training_on_a_gpu_learns_as_on_the_cpu(tmp_path):
    on_cpu, on_gpu = (losses_on(device, tmp_path / device) for device in ("cpu", "cuda"))
    assert on_gpu == pytest.approx(on_cpu, rel=0.02)
