"""Callbacks of a training: they write the log and snapshots, anneal sigma2, recompute the running statistics of batch
normalisation, and stop when a loss or a score is not finite."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchbearer
from torchbearer.callbacks import Callback

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import RunError
from learning_to_draw.games.losses.perceptual import PerceptualLoss
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.encoders.batch_norm import plain_averages, running_statistics
from learning_to_draw.models.population import Community, decoders_of, in_turn
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.trial import metrics_to_floats
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.records.folder import TIMES

# The official log's columns, in its order. Our additional columns follow.
OFFICIAL_COLUMNS = (
    "epoch",
    "running_loss",
    "running_commrate",
    "lr",
    "loss",
    "commrate",
    "commrate_std",
    "val_loss",
    "val_commrate",
    "val_commrate_std",
)
SETTLING_BATCHES = 20  # over which batch normalisation statistics are recomputed
NAN_CHECK_INTERVAL = 0.25  # seconds; a check after every step would synchronise with the GPU every time


class EpochClock(Callback):
    """Adds `seconds`, `games_per_second` and `sigma2` to every epoch's metrics, and estimates the remaining time.

    `seconds` is the duration of the epoch. `games_per_second` covers training only, and counts every sender's turn
    as a game.
    """

    def __init__(self, batches: GameBatches, agents: Community):
        super().__init__()
        self.games_per_step, self.steps_per_epoch, self.agents = batches.games / len(batches), len(batches), agents

    def on_start(self, state):
        self._start, self._done, self._left = time.perf_counter(), 0, 0

    def on_start_epoch(self, state):
        self._epoch_start, self._steps = time.perf_counter(), 0

    def on_step_training(self, state):
        self._done += 1
        self._left = state[torchbearer.STEPS] - state[torchbearer.BATCH] - 1  # in this epoch
        self._steps += 1  # fewer than the epoch's steps if the run resumed within the epoch

    def on_end_training(self, state):
        self._training_seconds = time.perf_counter() - self._epoch_start

    def on_end_epoch(self, state):
        metrics_to_floats(state)
        games = self._steps * self.games_per_step
        state[torchbearer.METRICS]["games_per_second"] = round(games / self._training_seconds, 1)
        state[torchbearer.METRICS]["seconds"] = round(time.perf_counter() - self._epoch_start, 2)
        state[torchbearer.METRICS]["sigma2"] = self.agents.pairs[0].decoder.sigma2

    def elapsed_and_left(self, state) -> tuple[float, float]:
        """(elapsed, left): seconds since the training began or was resumed, and seconds until its last epoch ends.

        The second number assumes the mean speed so far. It is NaN if the run was resumed at the end of an epoch
        and has trained no step since then.
        """
        elapsed = time.perf_counter() - self._start
        if not self._done:
            return elapsed, math.nan
        epochs = state[torchbearer.MAX_EPOCHS] - state[torchbearer.EPOCH] - 1
        return elapsed, elapsed / self._done * (epochs * self.steps_per_epoch + self._left)


class RecalibrateBatchNorm(Callback):
    """Recomputes batch normalisation statistics over up to 20 training batches before each validation.

    Running averages lag behind weights that still change, and the errors add up over the layers: agents with ten layers
    of batch normalisation communicated well in training, but were near chance in held-out games. The batches are played
    without channel noise, like held-out games. In a population, every sender and every receiver plays each batch, and
    partners change after each batch. Costs up to 20 * max(senders, receivers) forward passes per epoch, or none if the
    agents train no batch normalisation.
    """

    def __init__(self, agents: Community, batches: GameBatches):
        super().__init__()
        self.agents, self.batches = agents, batches

    @torch.no_grad()
    def on_end_training(self, state):
        pairs = [self.agents.meeting(meeting) for meeting in self.agents.meetings]
        noise = pairs[0].channel_noise
        try:
            for pair in pairs:
                pair.channel_noise = None
            with plain_averages(self.agents) as needed:
                batches = itertools.islice(self.batches, SETTLING_BATCHES if needed else 0)
                for number, batch in enumerate(batches):
                    for meeting in in_turn(number, self.agents.senders, self.agents.receivers):
                        pair = self.agents.meeting(meeting)
                        pair(batch.photos, batch.candidates, batch.senders, targets=batch.targets, seen=batch.seen)
                for statistic in running_statistics(self.agents) if needed else ():
                    statistic.copy_(distributed.mean(statistic))
        finally:
            for pair in pairs:
                pair.channel_noise = noise


class LearntWeightsColumns(Callback):
    """Adds the perceptual loss's learnt weights to the metrics, as sop_weight_LAYER. The official code prints them."""

    def __init__(self, loss: PerceptualLoss):
        super().__init__()
        self.loss = loss

    def on_end_epoch(self, state):
        for layer, weight in self.loss.layer_weights().items():
            state[torchbearer.METRICS][f"sop_weight_{layer}"] = weight.item()


class RunLog(Callback):
    """Writes the metrics of every epoch: as a row of log.csv, and as a line of JSON in metrics.jsonl.

    Both files are rewritten atomically, so a killed run leaves readable files. Only metrics.jsonl has the times
    (`TIMES`), so log.csv is reproducible.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def on_end_epoch(self, state):
        self.rows.append({"epoch": state[torchbearer.EPOCH], **state[torchbearer.METRICS]})
        official = [column for column in OFFICIAL_COLUMNS if column in self.rows[-1]]
        columns = [column for column in dict.fromkeys([*official, *self.rows[-1]]) if column not in TIMES]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())
        lines = "".join(json.dumps(row, default=float) + "\n" for row in self.rows)
        write_text(self.path.with_name("metrics.jsonl"), lines)


class Snapshots(Callback):
    """Saves model_best.pt, model_final.pt and, every --snapshot-interval epochs, model_NN.pt (NN: the epoch, from 0).

    The best epoch has the highest validation communication rate; ties go to the lowest validation loss.
    """

    def __init__(
        self,
        folder: Path,
        agents: Community,
        loss: TotalLoss,
        options: Mapping[str, Any],
        *,
        interval: int,
        keep_last: int,
        trained_on: Split | None = None,
    ):
        """options: the run's options by name, which every snapshot contains. interval: --snapshot-interval, in epochs.

        keep_last: --keep-last; 0 keeps all snapshots. trained_on: the training pictures.
        """
        super().__init__()
        self.folder, self.agents, self.loss, self.options = folder, agents, loss, options
        self.interval, self.keep_last, self.trained_on = interval, keep_last, trained_on
        self.best: dict[str, Any] | None = None
        self.last_saved: Path | None = None
        self.numbered: list[str] = []  # the files model_NN.pt of this run, oldest first

    def on_checkpoint(self, state):
        epoch, history = state[torchbearer.EPOCH], state[torchbearer.HISTORY]
        if (epoch + 1) % self.interval == 0:
            self._save(name := f"model_{epoch:02d}.pt", state)
            self.numbered = [*(earlier for earlier in self.numbered if earlier != name), name]
            self._remove_older()
        latest = {"epoch": epoch, **history[-1]}
        if self.best is None or _merit(latest) > _merit(self.best):
            self.best = latest
            self._save("model_best.pt", state)
        if epoch + 1 == state[torchbearer.MAX_EPOCHS] or state[torchbearer.STOP_TRAINING]:
            self._save("model_final.pt", state)

    def _remove_older(self) -> None:
        """Removes the numbered snapshots that this run has written, except the last --keep-last."""
        for name in self.numbered[: -self.keep_last] if self.keep_last else ():
            (self.folder / name).unlink(missing_ok=True)
            self.numbered.remove(name)

    def _save(self, name: str, state: dict) -> None:
        path = self.folder / name
        epoch, history = state[torchbearer.EPOCH], [dict(row) for row in state[torchbearer.HISTORY]]
        optimizer = state[torchbearer.OPTIMIZER]
        save_checkpoint(path, self.agents, self.loss, optimizer, self.options, epoch, history, self.trained_on)
        self.last_saved = path


def _merit(row: dict[str, Any]) -> tuple[float, float]:
    return row["val_commrate"], -row["val_loss"]


class AnnealSigma2(Callback):
    """Anneals the decoders' sigma2 after an epoch has been logged and saved (see `Decoder.anneal`)."""

    def __init__(self, agents: Community):
        super().__init__()
        self.agents = agents

    def on_checkpoint(self, state):
        for decoder in decoders_of(self.agents):
            decoder.anneal(state[torchbearer.EPOCH])


class StopOnNaN(Callback):
    """Raises RunError if a loss or a score is not finite. In a training, the epoch is then not saved.

    Scores are checked because torch's hinge loss is 0 for NaN scores. Held-out games are checked because the last step
    of an epoch may have made the weights NaN.
    """

    def __init__(self, snapshots: Snapshots | None = None):
        """snapshots: the error message names the last one saved; if None, it advises using another checkpoint."""
        super().__init__()
        self.snapshots = snapshots

    def on_start_training(self, state):
        self._bad, self._checked = None, time.monotonic()

    def on_start_validation(self, state):
        self.on_start_training(state)

    def on_step_validation(self, state):
        self.on_step_training(state)

    def on_end_validation(self, state):
        self._check(state)

    def on_step_training(self, state):
        loss, scores = state[torchbearer.LOSS].detach(), state[torchbearer.Y_PRED].play.scores.detach()
        bad = ~(torch.isfinite(loss) & torch.isfinite(scores).all())
        self._bad = bad if self._bad is None else self._bad | bad
        if time.monotonic() - self._checked >= NAN_CHECK_INTERVAL:
            self._check(state)

    def on_end_training(self, state):
        self._check(state)

    def _check(self, state):
        self._checked = time.monotonic()
        if self._bad is None or not self._bad.item():
            return
        if self.snapshots is None:
            raise RunError(
                "the loss or the scores are NaN or infinite: the weights of these agents are probably broken.\n"
                "Use another checkpoint."
            )
        kept = self.snapshots.last_saved
        raise RunError(
            f"the loss or the scores are NaN or infinite, in epoch {state[torchbearer.EPOCH] + 1}, "
            f"at or before batch {state[torchbearer.BATCH] + 1}; the run has been stopped.\n"
            f"{f'The last good snapshot is {kept}.' if kept else 'No snapshot had been saved yet.'}\n"
            "A smaller --learning-rate often helps."
        )
