"""The callback that writes the game log of a test: see `records/gamelog_writer.py`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torchbearer
from PIL import Image
from torch import Tensor
from torchbearer.callbacks import Callback

from learning_to_draw.datasets.splits import Split
from learning_to_draw.models.agents import Play
from learning_to_draw.trials.loop.batches import Batch
from learning_to_draw.trials.records.atomic import make_folder, sync_files, write_atomically, write_json
from learning_to_draw.trials.records.gamelog_writer import (
    FIELDS,
    FORMAT,
    StrokesFile,
    Unfinished,
    as_lists,
    picture_name,
    rounded,
)
from learning_to_draw.trials.records.pictures import to_bytes


class GameLogWriter(Callback):
    """Writes a game log into `folder`/gamelogs during a test pass.

    Pictures get their final names at once, and all other files when the pass ends.
    """

    def __init__(self, folder: Path, split: Split, seed: int, card: Mapping[str, Any], *, names_agents: bool = False):
        """split: the split that is played. seed: --data-seed. card: the content of card.json, without the results.

        names_agents: whether every line of games.jsonl says who drew and who guessed.
        """
        super().__init__()
        self.names_agents = names_agents
        self.folder, self.split, self.seed, self.card = folder / "gamelogs", split, seed, card
        self._file_of_item: dict[int, str] = {}
        self._unfinished: list[Any] = []

    def on_start_validation(self, state):
        for name in ("target-images", "sketch-images"):
            make_folder(self.folder / name)
        self._json = Unfinished(self.folder / "games.json")
        self._csv = Unfinished(self.folder / "games.csv")
        self._lines = Unfinished(self.folder / "games.jsonl")
        self._strokes = StrokesFile(self.folder / "strokes.npz")
        self._unfinished = [self._json, self._csv, self._lines, self._strokes]
        self._table = csv.DictWriter(self._csv, FIELDS, lineterminator="\n")
        self._table.writeheader()
        self._games = self._right = 0

    def on_step_validation(self, state):
        batch, play = state[torchbearer.X], state[torchbearer.Y_PRED].play
        for entry in self._entries(batch, play):
            row = {
                "reciever_guess": entry["guess"],
                "reciever_guess_correct": entry["guess"] == entry["target"],
                "sketch": entry["sketch"],
                "correct_image": entry["target"],
                "images": entry["candidates"],
            }
            self._json.write(("[" if self._games == 0 else ",\n ") + json.dumps(row))
            self._table.writerow(row)
            self._lines.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._games += 1
            self._right += entry["guess"] == entry["target"]
        self._strokes.add(play.strokes)

    def on_end_validation(self, state):
        sync_files(self.folder.glob("*-images/*.png"))
        self._json.write("]\n" if self._games else "[]\n")
        numbers = {"games": self._games, "communication_rate": self._right / self._games if self._games else None}
        write_json(self.folder / "card.json", {"format": FORMAT, **self.card, **numbers})
        for file in self._unfinished:
            file.finish()

    def discard_unfinished(self):
        """Removes the temporary files of an interrupted pass. Does nothing after a complete pass."""
        for file in self._unfinished:
            file.discard()

    def _entries(self, batch: Batch, play: Play) -> Iterator[dict[str, Any]]:
        """Yields the entries of games.jsonl, one per turn, and saves their pictures."""
        # The senders' photos are saved too: with --random-transform-sender they differ from the candidates.
        photos = [self._save(pixels, "target-images") for pixels in to_bytes(play.photos)]
        sketches = [self._save(pixels, "sketch-images") for pixels in to_bytes(play.sketches)]
        pools = self._save_candidates(batch)
        sender_classes = self._classes(batch.items.senders)
        candidate_classes = [self._classes(pool) for pool in batch.items.candidates]
        strokes, scores = as_lists(play.strokes), play.scores.detach().cpu()
        senders_per_game = len(scores) // len(pools)
        steps, decided = None, []
        if play.guesses is not None:
            steps, decided = rounded(play.guesses.scores.transpose(0, 1)), play.guesses.decided.tolist()
        for turn, (guess, target) in enumerate(zip(scores.argmax(dim=1).tolist(), batch.targets.tolist(), strict=True)):
            game = turn // senders_per_game
            yield {
                "format": FORMAT,
                "game": self._games,
                "seed": self.seed,
                "sender_image": photos[turn],
                "sender_class": sender_classes[turn],
                "sketch": sketches[turn],
                "strokes": strokes[turn],
                "candidates": pools[game],
                "candidate_classes": candidate_classes[game],
                "scores": rounded(scores[turn]),
                "guess": guess,
                "target": target,
                **(batch.meeting._asdict() if self.names_agents else {}),
                **({} if steps is None else {"step_scores": steps[turn], "decided": decided[turn]}),
            }

    def _save_candidates(self, batch: Batch) -> list[list[str]]:
        """Saves the candidates' pictures and returns their paths in the log, one list per game.

        Candidates that were saved with an earlier batch are not converted and hashed again.
        """
        items, rows = batch.items.candidates.flatten().tolist(), batch.candidates.flatten().tolist()
        new = [(item, row) for item, row in zip(items, rows, strict=True) if item not in self._file_of_item]
        if new:
            for (item, _), pixels in zip(new, to_bytes(batch.photos[[row for _, row in new]]), strict=True):
                self._file_of_item[item] = self._save(pixels, "target-images")
        return [[self._file_of_item[item] for item in pool] for pool in batch.items.candidates.tolist()]

    def _classes(self, items: Tensor) -> list[str]:
        """The class names of items, int64 [N]."""
        return [self.split.classes[label] for label in self.split.labels[self.split.items[items]].tolist()]

    def _save(self, pixels: Tensor, folder: str) -> str:
        """Saves pixels, uint8 [1 or 3, H, W], unless the file exists. Returns its path relative to the log's folder."""
        name = f"{folder}/{picture_name(pixels)}.png"
        path = self.folder / name
        if not path.exists():
            array = pixels.permute(1, 2, 0).contiguous().numpy()
            picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            write_atomically(path, picture.save, sync=False)
        return name
