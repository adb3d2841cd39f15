"""`--wandb`: sends the log and a picture of games to Weights & Biases."""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torchbearer
from torchbearer.callbacks import Callback

from learning_to_draw import console
from learning_to_draw.datasets.picture_file import take_from
from learning_to_draw.errors import first_line
from learning_to_draw.packages import import_optional
from learning_to_draw.reading import inside, read_text
from learning_to_draw.trials.records.atomic import make_folder, write_text
from learning_to_draw.trials.records.folder import plain

logger = logging.getLogger("commgame")

FINISH_SECONDS = "60"  # time limit of the last upload; `wandb sync` uploads the rest


def import_wandb() -> ModuleType:
    """The package wandb, imported when needed, because this is slow. Raises UsageError if it cannot be imported."""
    return import_optional("wandb", "--wandb", "wandb")


class WeightsAndBiases(Callback):
    """Sends the metrics and val_games.png of each epoch to Weights & Biases (W&B). W&B's step is the epoch, from 1.

    `folder`/wandb/id.txt holds the id of the W&B run, so a resumed training continues that run. After an error of W&B,
    this callback logs a warning and sends nothing more; the training continues. This callback must come after all
    callbacks that add metrics or draw val_games.png.
    """

    def __init__(self, folder: Path, project: str, options: Mapping[str, Any]):
        """options: all options of the run by name."""
        super().__init__()
        self.folder, self.project, self.options = folder, project, options
        self._run: Any = None

    def on_start(self, state):
        self._try(self._begin)

    def on_end_epoch(self, state):
        if self._run is not None:
            self._try(lambda: self._log(state))

    def finish(self, exit_code: int) -> None:
        """Ends the W&B run. exit_code: 0 if the training has finished, 1 if it failed or was stopped."""
        if self._run is not None:
            self._try(lambda: self._run.finish(exit_code))
            self._run = None

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # the service and its package raise almost anything
            logger.warning("--wandb: nothing more is sent to Weights & Biases: %s", first_line(error))
            self._run = None

    def _begin(self) -> None:
        wandb, folder = import_wandb(), self.folder / "wandb"
        os.environ.setdefault("WANDB_FINISH_TIMEOUT", FINISH_SECONDS)
        with console.in_root_folder():  # wandb/settings in the current folder could name another server
            wandb.setup()
        known = self._saved_id()
        if known is None:
            make_folder(folder)
            write_text(folder / "id.txt", secrets.token_hex(4))
        self._run = wandb.init(
            project=self.project,
            id=self._saved_id(),
            resume=None if known is None else "allow",
            name="/".join(self.folder.absolute().parts[-2:]),  # ROW/seed-N in a sweep
            dir=str(self.folder.absolute()),
            config=plain(self.options),
            settings=wandb.Settings(console="off", disable_git=True, silent=console.hidden() is True),
        )

    def _saved_id(self) -> str | None:
        path = inside(self.folder, "wandb/id.txt")
        text = read_text(path, 100).strip() if path.exists() else ""
        return text if re.fullmatch(r"[0-9a-z]{1,64}", text) else None

    def _log(self, state) -> None:
        games = take_from(self.folder / "val_games.png", lambda picture: picture.convert("RGB"))
        measured = {name: value for name, value in state[torchbearer.METRICS].items() if value is not None}
        self._run.log({**measured, "games": import_wandb().Image(games)}, step=state[torchbearer.EPOCH] + 1)
