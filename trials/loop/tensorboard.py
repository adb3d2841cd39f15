"""`--tensorboard`: the log, and the games as a person reads them, for TensorBoard."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torchbearer
from PIL import Image
from torchbearer.callbacks import Callback

from learning_to_draw.errors import UsageError


def check_tensorboard() -> None:
    """Raises UsageError where there is none."""
    if find_spec("tensorboard") is None:
        raise UsageError("--tensorboard needs the package tensorboard.\nInstall it (pip install tensorboard).")


class TensorBoard(Callback):
    """Writes every number of an epoch and its val_games.png to `folder`/tensorboard; steps are epochs, from 0.

    Of what was measured in both, training and validation share a chart. It comes after those that measure and draw.
    """

    def __init__(self, folder: Path, epochs: int):
        """epochs: already done, where a run goes on; what an unfinished epoch had left is dropped."""
        super().__init__()
        self.folder, self.epochs = folder, epochs

    def on_start(self, state):
        from torch.utils.tensorboard import SummaryWriter  # slow, and asked for by few

        self._writer = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.epochs or None)

    def on_end_epoch(self, state):
        metrics, epoch = state[torchbearer.METRICS], state[torchbearer.EPOCH]
        for name, value in metrics.items():
            measured = name.removeprefix("val_")
            both = f"val_{measured}" in metrics
            part = ("/validation" if name != measured else "/training") if both else ""
            self._writer.add_scalar(measured + part, value, epoch)
        with Image.open(self.folder / "val_games.png") as games:
            self._writer.add_image("games", np.asarray(games.convert("RGB")), epoch, dataformats="HWC")
        self._writer.flush()

    def on_end(self, state):
        self._writer.close()
