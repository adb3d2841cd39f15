"""Measures a population in a pass over held-out games: who understands whom, and who draws alike."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchbearer
from torch import Tensor
from torchbearer.callbacks import Callback

from learning_to_draw.games.drawings import NOT_DRAWN, matched_distances
from learning_to_draw.games.scores import correct_guesses
from learning_to_draw.models.agents import Meeting
from learning_to_draw.models.population import Population
from learning_to_draw.trials.records.pictures import draw_senders, save_picture

logger = logging.getLogger("commgame")

MOST_PHOTOS = 50  # whose drawings are compared
SHOWN_PHOTOS = 12
# The entries of result.json, and the ends of the columns of log.csv.
COLUMNS = {
    "own_partner": "commrate_own_partner",
    "other_partners": "commrate_other_partners",
    "distance_between": "distance_between",
    "distance_within": "distance_within",
}


class Meetings(Callback):
    """In a pass over held-out games, measures each meeting's communication rate and the distances between drawings.

    In a meeting, one sender plays with one receiver. After a validation, the measurements become metrics of the epoch
    (see docs/populations.md). Every pass also writes PREFIX_senders.png: the first photos and each sender's sketches
    of them.
    """

    def __init__(self, folder: Path, population: Population, prefix: str):
        """prefix: "val" or "test"."""
        super().__init__()
        self.path, self.population = folder / f"{prefix}_senders.png", population
        self._told = False

    def on_start_validation(self, state):
        self._right: dict[Meeting, list[Tensor]] = {meeting: [] for meeting in self.population.meetings}
        self._photos: list[Tensor] = []
        self._sketches: list[list[Tensor]] = [[] for _ in range(self.population.senders)]
        self._points: list[list[Tensor]] = [[] for _ in range(self.population.senders)]
        self._all_drawn = True

    def on_step_validation(self, state):
        batch, play = state[torchbearer.X], state[torchbearer.Y_PRED].play
        self._right[batch.meeting].append(correct_guesses(play.scores, batch.targets).float().mean())
        sender, receiver = batch.meeting
        missing = MOST_PHOTOS - sum(map(len, self._points[sender]))
        if receiver > 0 or missing <= 0:
            return
        strokes = play.strokes[:missing]
        self._points[sender].append(strokes.points.detach().cpu())
        self._all_drawn &= strokes.intensities is None or bool((strokes.intensities > 0).any(dim=2).all())
        self._sketches[sender].append(play.sketches[:SHOWN_PHOTOS].detach().cpu())
        if sender == 0:
            self._photos.append(play.photos[:SHOWN_PHOTOS].detach().cpu())

    def on_end_validation(self, state):
        self.rates = {meeting: float(torch.stack(right).mean()) for meeting, right in self._right.items()}
        own = [rate for meeting, rate in self.rates.items() if self.population.own_partners(meeting)]
        others = [rate for meeting, rate in self.rates.items() if not self.population.own_partners(meeting)]
        means = {"own_partner": _mean(own), "other_partners": _mean(others)}
        distances = drawing_distances([torch.cat(parts).double().numpy() for parts in self._points])
        self.means = {name: mean for name, mean in (means | distances).items() if mean is not None}
        if not self._all_drawn:  # without numbers, but with the same columns
            self.means |= dict.fromkeys(self.means.keys() & distances.keys())
            if not self._told:
                logger.warning("the distances between drawings are not measured: %s", NOT_DRAWN)
            self._told = True
        pictures = [torch.cat(parts)[:SHOWN_PHOTOS] for parts in (self._photos, *self._sketches)]
        save_picture(self.path, draw_senders(*pictures))

    def on_end_epoch(self, state):
        state[torchbearer.METRICS].update(self.row())

    def row(self) -> dict[str, float | None]:
        """The measurements of the pass, by column of log.csv. Distances are None if some strokes are not drawn."""
        shown = {f"val_{COLUMNS[name]}": value for name, value in self.means.items()}
        return shown | {f"val_commrate_{sender}_{receiver}": rate for (sender, receiver), rate in self.rates.items()}


def population_entries(row: Mapping[str, Any], meetings: Sequence[Meeting]) -> dict[str, Any]:
    """The entries of result.json about a population, from the metrics of a pass; {} for one pair."""
    if len(meetings) == 1:
        return {}
    entries = {name: row[f"val_{column}"] for name, column in COLUMNS.items() if f"val_{column}" in row}
    receivers = 1 + max(meeting.receiver for meeting in meetings)
    rates = [row[f"val_commrate_{sender}_{receiver}"] for sender, receiver in meetings]
    return {"communication_rates": [rates[k : k + receivers] for k in range(0, len(rates), receivers)], **entries}


def partners_line(result: Mapping[str, Any]) -> str:
    """A line with the communication rates for own and for other partners; empty if `result` lacks one of them."""
    if result.get("own_partner") is None or result.get("other_partners") is None:
        return ""
    return f"own partner {result['own_partner']:.4f}, others' partners {result['other_partners']:.4f}\n"


def drawing_distances(points: Sequence[np.ndarray]) -> dict[str, float | None]:
    """Two mean distances of drawings, in canvas units, computed with `matched_distances`.

    "distance_between" compares two senders' drawings of one photo; it is None for a single sender. "distance_within"
    compares one sender's drawings of two successive photos.

    points: for every sender, the strokes [N, K, P, 2] of its drawings of the same N photos.
    """
    pairs = itertools.combinations(points, 2)
    between = [matched_distances(a[None], b)[0] for one, other in pairs for a, b in zip(one, other, strict=True)]
    within = [matched_distances(a[None], b)[0] for drawn in points for a, b in itertools.pairwise(drawn)]
    return {"distance_between": _mean(between), "distance_within": _mean(within)}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
