"""Shows the progress of a run: bars, periodic log lines, and one line per epoch."""

from __future__ import annotations

import logging
import math
import time

import torchbearer
from torchbearer.callbacks import Callback
from tqdm import tqdm

from learning_to_draw import console
from learning_to_draw.games.scores import correct_guesses
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.callbacks import EpochClock

logger = logging.getLogger("commgame")


def set_verbosity(quiet: bool) -> None:
    """Suppresses log messages below warnings if `quiet` is true, and on every rank > 0."""
    if quiet or distributed.rank() > 0:
        for name in console.LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)


SECONDS_BETWEEN_LINES = 60
SECONDS_BETWEEN_NUMBERS = 0.25  # on the bar; reading the metrics synchronises with the GPU


class Progress(Callback):
    """Shows a bar with the communication rate and the turns per second.

    During training, the bar also shows the loss and the training's remaining time. Without a terminal, logs one line
    per minute instead of showing a bar.
    """

    def __init__(self, turns_per_batch: int, clock: EpochClock | None = None):
        """clock: the training's clock, a callback that must come before this one; None in a test."""
        super().__init__()
        self.turns_per_batch, self.clock = turns_per_batch, clock

    def _start(self, state, title):
        self._title = title
        self._bar = tqdm(
            total=state[torchbearer.STEPS],
            desc=title,
            disable=console.hidden(),
            leave=False,
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt}{postfix}",
        )
        self._began = self._last_shown = time.perf_counter()
        self._right = 0

    def _step(self, state):
        now, done = time.perf_counter(), state[torchbearer.BATCH] + 1
        self._bar.total = state[torchbearer.STEPS]  # fewer if the run resumed within an epoch
        self._bar.update()
        if now - self._last_shown < (SECONDS_BETWEEN_LINES if self._bar.disable else SECONDS_BETWEEN_NUMBERS):
            return
        self._last_shown = now
        metrics = state[torchbearer.METRICS]
        if "running_loss" in metrics:
            shown = {"loss": f"{metrics['running_loss']:.3f}", "rate": f"{metrics['running_commrate']:.3f}"}
        else:
            shown = {"rate": f"{float(self._right) / (done * self.turns_per_batch):.3f}"}
        shown["turns/s"] = f"{done * self.turns_per_batch / (now - self._began):.0f}"
        if self.clock is not None and "running_loss" in metrics:
            shown["left"] = tqdm.format_interval(self.clock.elapsed_and_left(state)[1])
        if self._bar.disable:
            numbers = "  ".join(f"{name} {value}" for name, value in shown.items())
            logger.info("%s: batch %d of %d  %s", self._title, done, state[torchbearer.STEPS], numbers)
        else:
            self._bar.set_postfix_str("  ".join(f"{name} {value}" for name, value in shown.items()), refresh=False)

    def _stop(self, state):
        self._bar.close()

    def on_start_training(self, state):
        self._start(state, f"epoch {state[torchbearer.EPOCH] + 1}/{state[torchbearer.MAX_EPOCHS]}")

    def on_start_validation(self, state):
        self._start(state, "held-out games")

    def on_step_training(self, state):
        self._step(state)

    def on_step_validation(self, state):
        right = correct_guesses(state[torchbearer.Y_PRED].play.scores, state[torchbearer.Y_TRUE])
        self._right = self._right + right.sum()
        self._step(state)

    def on_end_training(self, state):
        self._stop(state)

    def on_end_validation(self, state):
        self._stop(state)


class EpochLine(Callback):
    """Logs one line per epoch, with the elapsed and the remaining time of the training."""

    def __init__(self, clock: EpochClock):
        """clock: the training's clock, a callback that must come before this one."""
        super().__init__()
        self.clock = clock

    def on_end_epoch(self, state):
        row, (elapsed, left) = state[torchbearer.METRICS], self.clock.elapsed_and_left(state)
        logger.info(
            "epoch %*d/%d  loss %.3f (val %.3f)  rate %.3f (val %.3f)  %s%s",
            len(str(state[torchbearer.MAX_EPOCHS])),
            state[torchbearer.EPOCH] + 1,
            state[torchbearer.MAX_EPOCHS],
            row["loss"],
            row["val_loss"],
            row["commrate"],
            row["val_commrate"],
            tqdm.format_interval(elapsed),
            "" if math.isnan(left) else f", {tqdm.format_interval(left)} left",
        )
