"""Measures the guesses after each step of a drawing (`--anytime`): the rate by step, and when the receiver decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchbearer
from torch import Tensor
from torchbearer.callbacks import Callback

from learning_to_draw.models.agents import Meeting
from learning_to_draw.models.population import Community
from learning_to_draw.trials.records.pictures import StepOfGames, save_steps

SHOWN = 8  # games in the pictures


class StepRates(Callback):
    """Measures the communication rate on held-out games, after each drawing step and at the receiver's decision.

    Also measures the mean number of drawing steps, and of strokes, until the decision. After each pass over the games,
    the measurements become metrics of the epoch (see log.csv in docs/outputs.md), and PREFIX_steps.png and
    PREFIX_steps.gif are written: the first games, step by step, with the probability of the receiver's guess.
    """

    def __init__(self, folder: Path, agents: Community, prefix: str):
        """prefix: "val" or "test"."""
        super().__init__()
        self.path, self.agents = folder / f"{prefix}_steps", agents

    def on_start_validation(self, state):
        self._right: list[Tensor] = []
        self._decided: list[Tensor] = []
        self._shown: list[StepOfGames] = []
        self._strokes = 0

    @torch.no_grad()
    def on_step_validation(self, state):
        batch, play = state[torchbearer.X], state[torchbearer.Y_PRED].play
        self._right.append((play.guesses.scores.argmax(dim=2) == batch.targets).float().cpu())
        self._decided.append(play.guesses.decided.cpu())
        if self._shown or batch.meeting != Meeting():
            return
        steps = len(play.guesses.scores)
        each = play.strokes.points.shape[1] // steps
        self._strokes = each
        pair = self.agents.meeting(batch.meeting)
        for step, scores in enumerate(play.guesses.scores[:, :SHOWN], start=1):
            sketches = pair.render(play.strokes[:SHOWN][:, : step * each]).cpu()
            belief, guess = torch.softmax(scores, dim=1).max(dim=1)
            right = (guess == batch.targets[:SHOWN]).tolist()
            photos = play.photos[:SHOWN].cpu()
            self._shown.append(StepOfGames(photos, sketches, belief.tolist(), right))

    def on_end_validation(self, state):
        right, decided = torch.cat(self._right, dim=1), torch.cat(self._decided)
        self.rates = right.mean(dim=1).tolist()
        self.decided = float(right.gather(0, decided[None]).mean())
        self.steps = float(decided.float().mean()) + 1
        save_steps(self.path, self._shown)

    def on_end_epoch(self, state):
        state[torchbearer.METRICS].update(self.row())

    def row(self) -> dict[str, float]:
        """The measurements of the pass, by column of log.csv. Steps are numbered from 1."""
        shown = {f"val_commrate_step_{step}": rate for step, rate in enumerate(self.rates, start=1)}
        strokes = self.steps * self._strokes
        return shown | {
            "val_commrate_decided": self.decided,
            "val_decision_step": self.steps,
            "val_decision_strokes": strokes,
        }


def step_entries(row: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of result.json that --anytime adds, from the metrics of a pass; {} without --anytime."""
    if "val_decision_step" not in row:
        return {}
    prefix = "val_commrate_step_"
    steps = sorted(int(name.removeprefix(prefix)) for name in row if name.startswith(prefix))
    names = ("commrate_decided", "decision_step", "decision_strokes")
    return {"rate_by_step": [row[f"{prefix}{step}"] for step in steps]} | {name: row[f"val_{name}"] for name in names}


def steps_line(result: Mapping[str, Any]) -> str:
    """A line with the communication rate after each drawing step and when the receiver decides, from the content of a
    result.json; "" if the file has no such rates."""
    if "rate_by_step" not in result:
        return ""
    rates = " ".join(f"{rate:.3f}" for rate in result["rate_by_step"])
    return (
        f"rate by step {rates}; decides after {result['decision_strokes']:.1f} strokes, with rate "
        f"{result['commrate_decided']:.3f}\n"
    )
