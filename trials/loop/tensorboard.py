"""Writes the log and a picture of games for TensorBoard (`--tensorboard`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torchbearer
from torchbearer.callbacks import Callback

from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.packages import import_optional
from learning_to_draw.trials.records.atomic import naming


def summary_writer() -> type:
    """torch's SummaryWriter. Raises UsageError if the package tensorboard cannot be imported.

    Imports the package only when called, because the import is slow and rarely needed.
    """
    import_optional("tensorboard", "--tensorboard", "tensorboard")
    return import_optional("torch.utils.tensorboard", "--tensorboard", "tensorboard").SummaryWriter


class TensorBoard(Callback):
    """Writes all metrics and the val_games.png of each epoch to `folder`/tensorboard.

    TensorBoard's step is the epoch, from 0. If a metric exists for training and validation, its two charts form one
    group. This callback must come after all callbacks that add metrics or draw val_games.png.
    """

    def __init__(self, folder: Path, epochs: int):
        """epochs: the number of epochs after which the run is resumed; 0 for a new run.

        TensorBoard drops what the interrupted run wrote about later epochs.
        """
        super().__init__()
        self.folder, self.epochs = folder, epochs

    def on_start(self, state):
        self._writer = summary_writer()(str(self.folder / "tensorboard"), purge_step=self.epochs or None)

    def on_end_epoch(self, state):
        with naming(self.folder / "tensorboard"):
            self._add(state)

    def _add(self, state):
        metrics, epoch = state[torchbearer.METRICS], state[torchbearer.EPOCH]
        for name, value in metrics.items():
            if value is None:  # not measured
                continue
            metric = name.removeprefix("val_")
            both = f"val_{metric}" in metrics
            part = ("/validation" if name != metric else "/training") if both else ""
            self._writer.add_scalar(metric + part, value, epoch)
        games = take_from(self.folder / "val_games.png", lambda picture: np.asarray(picture.convert("RGB")))
        self._writer.add_image("games", games, epoch, dataformats="HWC")
        self._writer.flush()

    def on_end(self, state):
        self._writer.close()
