"""The agents that played a log, with the log's own pictures and strokes before them once more."""

from __future__ import annotations

from collections.abc import Sequence
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
from learning_to_draw.trials.config.resolve import resolve
from learning_to_draw.trials.records.gamelog import GameLog, LoggedStrokes
from learning_to_draw.trials.trained import NOT_OF_AGENTS, Trained, build_trained, load_trained

BATCH = 128  # pictures that an encoder sees at a time


@dataclass(frozen=True)
class Replay:
    """Agents in evaluation mode on `device`, whose decoder draws as the log's card says."""

    agents: Agents
    device: torch.device

    def photo_features(self, pictures: np.ndarray) -> np.ndarray:
        """The sender's latents, float32 [N, L], of photos uint8 [N, C, S, S]."""
        return self._latents(self.agents.sender_encoder, pictures, drawn=False).cpu().numpy()

    def sketch_features(self, pictures: np.ndarray) -> np.ndarray:
        """The receiver's latents, float32 [N, L], of sketches uint8 [N, C, S, S]."""
        return self._latents(self.agents.receiver_encoder, pictures, drawn=True).cpu().numpy()

    @torch.no_grad()
    def offered(self, pictures: np.ndarray) -> Tensor:
        """The receiver's vectors, float [N, R] on the device, for candidates uint8 [N, C, S, S]."""
        return self.agents.receiver(self._latents(self.agents.receiver_encoder, pictures, drawn=False))

    @torch.no_grad()
    def guesses(self, strokes: LoggedStrokes, offered: Tensor, candidates: Sequence[Sequence[int]]) -> np.ndarray:
        """int64 [N]: which candidate, from 0, is guessed from each of N drawings.

        offered: as above. candidates: of each game, the rows of `offered` that are its candidates.
        """
        found = []
        for start in range(0, len(candidates), BATCH):
            games = slice(start, start + BATCH)
            seen = self.agents.receiver_encoder.look(self._draw(strokes, games), drawn=True)
            meant = self.agents.receiver(seen.latent)
            scores = (offered[list(rows)] @ one for one, rows in zip(meant, candidates[games], strict=True))
            found += [int(score.argmax()) for score in scores]
        return np.array(found)

    def _draw(self, strokes: LoggedStrokes, games: slice) -> Tensor:
        """The sketches [B, C, S, S] as the receiver sees them."""
        points = torch.from_numpy(strokes.points[games]).to(self.device)
        inks = None if strokes.intensities is None else torch.from_numpy(strokes.intensities[games]).to(self.device)
        return self.agents.show(Strokes(points, strokes.sigma2, inks))

    @torch.no_grad()
    def _latents(self, encoder, pictures: np.ndarray, *, drawn: bool) -> Tensor:
        batches = torch.from_numpy(pictures).split(BATCH)
        return torch.cat([encoder.look(to_unit_range(batch, self.device), drawn=drawn).latent for batch in batches])


def load_replay(
    path: Path, log: GameLog, device: torch.device, *, trust: bool = False, plugin: Path | None = None
) -> Replay:
    """The agents of a checkpoint, for a log that they played. Raises UsageError where the two cannot go together."""
    arguments = ["--weights", str(path), *(["--trust-weights"] if trust else [])]
    if plugin is not None:
        arguments += ["--plugin", str(plugin)]
    trained = load_trained("test", arguments, path)
    if not trained.checkpoint.options:  # the official code's, which the log was played with
        if not log.card.get("options"):
            raise UsageError(
                f"--weights {path} carries no options, and the log in {log.folder} does not say them either.\n"
                "Play a test with these weights and the options of their training, and give the log that it writes."
            )
        saved = {name: value for name, value in log.card["options"].items() if name not in NOT_OF_AGENTS}
        trained = Trained(resolve("test", arguments, saved, "card.json"), trained.checkpoint)
    photo = read_pictures([log.picture(log.games[0].photo)])
    agents = build_trained(trained, Pictures({}, photo.shape[-1], photo.shape[1]))
    # A test may draw otherwise than the training did.
    agents.invert = log.card.get("invert", agents.invert)
    agents.decoder.contrast = log.card.get("contrast", agents.decoder.contrast)
    return Replay(agents.to(device).eval(), device)
