"""Replays a log: gives its pictures and strokes to the agents that played it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from learning_to_draw.analysis.measure.picture_arrays import read_pictures
from learning_to_draw.datasets.splits import to_unit_range
from learning_to_draw.errors import UsageError
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import COMMAND_LINE, complete
from learning_to_draw.trials.loop.precision import set_precision
from learning_to_draw.trials.records.gamelog import GameLog, LoggedStrokes
from learning_to_draw.trials.trained import Trained, build_trained_pair, load_trained, of_agents

BATCH = 128  # pictures per forward pass of an encoder


@dataclass(frozen=True)
class Replay:
    """Agents in evaluation mode on `device`. They draw with the contrast and inversion of the log's card.

    epochs: the number of epochs that they have trained.
    """

    agents: Agents
    device: torch.device
    epochs: int

    def photo_features(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [N, L]: latents of photos uint8 [N, C, S, S], by the encoder of the sender in `agents`.

        After a test with --swap-agents, this is not the sender that drew: `agents` are from the receiver's checkpoint.
        """
        return self._latents(self.agents.sender_encoder, pictures, is_sketch=False).cpu().numpy()

    def sketch_features(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [N, L]: the receiver's latents of sketches uint8 [N, C, S, S]."""
        return self._latents(self.agents.receiver_encoder, pictures, is_sketch=True).cpu().numpy()

    @torch.no_grad()
    def offered(self, pictures: np.ndarray) -> Tensor:
        """float [N, R] on the device: the receiver's vectors for candidates uint8 [N, C, S, S]."""
        return self.agents.receiver(self._latents(self.agents.receiver_encoder, pictures, is_sketch=False))

    @torch.no_grad()
    def guesses(self, strokes: LoggedStrokes, offered: Tensor, candidates: Sequence[Sequence[int]]) -> np.ndarray:
        """int64 [N]: the candidate (numbered from 0 in each game) guessed from the strokes of each of N games.

        offered: [M, R], from the method `offered`. candidates: for each game, the rows of its candidates in `offered`.
        """
        return self._guesses(lambda games: self._draw(strokes, games), offered, candidates)

    @torch.no_grad()
    def guesses_from_pictures(
        self, pictures: np.ndarray, offered: Tensor, candidates: Sequence[Sequence[int]]
    ) -> np.ndarray:
        """As `guesses`, but the receiver sees pictures uint8 [N, C, S, S] instead of drawn strokes."""
        messages = torch.from_numpy(pictures)
        return self._guesses(lambda games: to_unit_range(messages[games], self.device), offered, candidates)

    def _guesses(
        self, draw: Callable[[slice], Tensor], offered: Tensor, candidates: Sequence[Sequence[int]]
    ) -> np.ndarray:
        """As `guesses`. draw: returns the pictures [B, C, S, S] that the receiver sees in a slice of games."""
        guesses = []
        for start in range(0, len(candidates), BATCH):
            games = slice(start, start + BATCH)
            encoding = self.agents.receiver_encoder.encode(draw(games), is_sketch=True)
            vectors = self.agents.receiver(encoding.latent)
            scores = (offered[list(rows)] @ vector for vector, rows in zip(vectors, candidates[games], strict=True))
            guesses += [int(score.argmax()) for score in scores]
        return np.array(guesses)

    def _draw(self, strokes: LoggedStrokes, games: slice) -> Tensor:
        """Returns the sketches [B, C, S, S] as the receiver sees them."""
        drawn = strokes[games]
        return self.agents.render(Strokes.from_arrays(drawn.points, drawn.sigma2, drawn.intensities, self.device))

    @torch.no_grad()
    def _latents(self, encoder, pictures: np.ndarray, *, is_sketch: bool) -> Tensor:
        batches = torch.from_numpy(pictures).split(BATCH)
        images = (to_unit_range(batch, self.device) for batch in batches)
        return torch.cat([encoder.encode(batch, is_sketch=is_sketch).latent for batch in images])


def _agent_of(log: GameLog) -> str | None:
    """Returns the value of --agent with which `build_trained_pair` builds the log's pair; None builds pair 0, 0."""
    if (agent := log.card.get("options", {}).get("agent")) is not None:
        return str(agent)
    (meeting,) = log.meetings
    return None if meeting == (0, 0) else f"{meeting[0]},{meeting[1]}"


def load_replay(
    path: Path, log: GameLog, device: torch.device, *, trust: bool = False, plugin: Path | None = None
) -> Replay:
    """Loads the agents that played a log. Raises UsageError if checkpoint and log do not fit together."""
    given = {"weights": str(path), "trust_weights": trust, "agent": _agent_of(log)}
    given |= {} if plugin is None else {"plugin": plugin}
    if precision := log.card.get("options", {}).get("precision"):
        given["precision"] = precision
    trained = load_trained("test", path, given)
    if not trained.checkpoint.options:  # a checkpoint of the official code; the log's card has the options
        if not log.card.get("options"):
            raise UsageError(
                f"neither --weights {path} nor the log in {log.folder} contains the options of the agents.\n"
                "Run test with these weights and the options of their training, and give the log that test writes."
            )
        config = complete("test", given, COMMAND_LINE, of_agents(log.card["options"]), "card.json")
        trained = Trained(config, trained.checkpoint)
    photo = read_pictures([log.picture(log.games[0].photo)])
    agents = build_trained_pair(trained, Pictures({}, photo.shape[-1], photo.shape[1]))
    # The test may have used other drawing settings than the training.
    agents.invert = log.card.get("invert", agents.invert)
    agents.decoder.contrast = log.card.get("contrast", agents.decoder.contrast)
    set_precision(trained.config.speed.precision, agents)
    return Replay(agents.to(device).eval(), device, trained.checkpoint.epoch + 1)
