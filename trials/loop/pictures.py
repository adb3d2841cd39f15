"""Callbacks that write pictures and strokes of a validation or test pass (see `records/pictures.py`)."""

from __future__ import annotations

from pathlib import Path

import torchbearer
from torchbearer.callbacks import Callback

from learning_to_draw.games.scores import correct_guesses
from learning_to_draw.models.agents import Meeting, Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.trials.loop.batches import Batch
from learning_to_draw.trials.records.gamelog_writer import StrokesFile
from learning_to_draw.trials.records.pictures import PlayedGames, draw_games, save_grid, save_picture

FIRST = Meeting()  # in a population, these files show the first sender and its own partner
MOST_SKETCHES = 16  # whose strokes are kept after every epoch


class PassPictures(Callback):
    """Writes PREFIX_games.png and four grids of pictures after every validation or test pass.

    Each grid shows `count` pictures, or all of them if the pass has fewer.
    """

    def __init__(self, folder: Path, count: int, prefix: str, sketch_name: str):
        """prefix: "val" or "test". sketch_name: the sketch grid's file name, in which {epoch} is the epoch, from 0."""
        super().__init__()
        self.folder, self.count, self.prefix, self.sketch_name = folder, count, prefix, sketch_name

    def on_start_validation(self, state):
        self._parts: list[PlayedGames] = []

    def on_step_validation(self, state):
        missing = self.count - sum(len(part) for part in self._parts)
        if missing > 0 and state[torchbearer.X].meeting == FIRST:
            self._parts.append(played_games(state[torchbearer.X], state[torchbearer.Y_PRED].play, missing))

    def on_end_validation(self, state):
        if not self._parts:
            return
        games = PlayedGames.joined(self._parts)
        save_grid(self.folder / self.sketch_name.format(epoch=state[torchbearer.EPOCH]), games.sketches)
        save_grid(self.folder / f"{self.prefix}_samples.png", games.photos)
        save_grid(self.folder / f"{self.prefix}_samples_targets_gameorder.png", games.pool[: len(games)])
        save_grid(self.folder / f"{self.prefix}_samples_targets_matchedorder.png", games.targets)
        save_picture(self.folder / f"{self.prefix}_games.png", draw_games(games))


class EpochStrokes(Callback):
    """Writes val_strokes_NN.npz after every validation: the strokes of its first sketches, at most MOST_SKETCHES.

    The photos are always the same: the first ones of val_samples.png. NN is the epoch, from 0.
    """

    def __init__(self, folder: Path, count: int):
        """count: the number of photos in val_samples.png."""
        super().__init__()
        self.folder, self.count = folder, min(count, MOST_SKETCHES)

    def on_start_validation(self, state):
        self._parts: list[Strokes] = []

    def on_step_validation(self, state):
        missing = self.count - sum(len(part.points) for part in self._parts)
        if missing > 0 and state[torchbearer.X].meeting == FIRST:
            self._parts.append(state[torchbearer.Y_PRED].play.strokes[:missing])

    def on_end_validation(self, state):
        if not self._parts:
            return
        file = StrokesFile(self.folder / f"val_strokes_{state[torchbearer.EPOCH]:02d}.npz")
        try:
            for part in self._parts:
                file.add(part)
            file.finish()
        finally:
            file.discard()


def played_games(batch: Batch, play: Play, most: int) -> PlayedGames:
    """The first `most` turns of a batch, on the CPU."""
    rows = batch.candidate_rows()[:most]
    scores, targets = play.scores[:most], batch.targets[:most]
    guessed = rows.gather(1, scores.argmax(dim=1, keepdim=True)).flatten()
    target_rows = rows.gather(1, targets[:, None]).flatten()
    photos = batch.photos.detach()
    fields = (
        photos[: len(targets)],
        play.sketches[:most].detach(),
        photos[guessed],
        photos[target_rows],
        photos[batch.candidates.flatten()[:most]],
        correct_guesses(scores, targets),
    )
    return PlayedGames(*(field.cpu() for field in fields))
