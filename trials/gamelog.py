"""gamelogs/: every game of a test, with the pictures it was played with, for people, programs and old tools.

`games.json` (one list) and `games.csv` (the same rows) are as the official code writes them; an entry is one sender's
turn:

    reciever_guess          the candidate that was guessed, counted from 0 in `images` (the official spelling)
    reciever_guess_correct  whether that was the one meant
    sketch                  sketch-images/<md5>.png
    correct_image           the candidate that was meant
    images                  target-images/<md5>.png of every candidate of that game, in the order shown

`games.jsonl` has a line of JSON a turn, in the same order, which says all there is to say:

    format                  1; another number means that fields have changed their meaning
    game                    counted from 0
    seed                    --data-seed, which the order of pictures and candidates comes from
    sender_image            target-images/<md5>.png, what the sender saw: in `different` games another than the target
    sender_class            the class of that picture
    sketch                  as above
    strokes                 points: control points (row, col) of every stroke, on a canvas from -1 to 1 (1 is a point,
                            2 a line, 4 a cubic Bezier curve); width: of a stroke at half its ink, in the same units;
                            colours: ink of every stroke in each channel, 0..1, null where all of it is black
    candidates              as `images` above
    candidate_classes       their classes
    scores                  the receiver's score of each candidate
    guess, target           candidates, counted from 0

`strokes.npz` holds the strokes of all games as arrays: points float32 [games, strokes, P, 2], sigma2 and, where strokes
have them, intensities [games, strokes, C]. `card.json` says what was played, with what. A picture goes by its
`picture_name`, and equal pictures are stored once.

Everything goes straight to disk, so that memory does not grow with the number of games.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path

import torchbearer
from PIL import Image
from torch import Tensor
from torchbearer.callbacks import Callback

from models.agents import Play
from trials.batches import Batch
from trials.pictures import to_bytes
from trials.run_folder import write_atomically

FIELDS = ("reciever_guess", "reciever_guess_correct", "sketch", "correct_image", "images")


def picture_name(pixels: Tensor) -> str:
    """The name that a log knows uint8 [1 or 3, H, W] by: the md5 of its pixels, row by row, grey or RGB."""
    return hashlib.md5(pixels.permute(1, 2, 0).contiguous().numpy().tobytes(), usedforsecurity=False).hexdigest()


class GameLog(Callback):
    """Writes `folder`/gamelogs during a test pass. Rows go straight to disk; both files appear once all are there."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder / "gamelogs"
        self._hash_of_item: dict[int, str] = {}
        self._json_path, self._csv_path = (self.folder / f".games.tmp.{kind}" for kind in ("json", "csv"))
        self._json = self._csv_file = None

    def on_start_validation(self, state):
        for name in ("target-images", "sketch-images"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._json = self._json_path.open("w", encoding="utf-8")
        self._csv_file = self._csv_path.open("w", encoding="utf-8", newline="")
        self._csv = csv.DictWriter(self._csv_file, FIELDS, lineterminator="\n")
        self._csv.writeheader()
        self._rows = 0

    def on_step_validation(self, state):
        for row in self._rows_of(state[torchbearer.X], state[torchbearer.Y_PRED]):
            self._json.write(("[" if self._rows == 0 else ",\n ") + json.dumps(row))
            self._csv.writerow(row)
            self._rows += 1

    def on_end_validation(self, state):
        self._json.write("]\n" if self._rows else "[]\n")
        self._json.close()
        self._csv_file.close()
        os.replace(self._json_path, self.folder / "games.json")
        os.replace(self._csv_path, self.folder / "games.csv")

    def discard_unfinished(self):
        """Removes what an interrupted pass has left of the two lists; does nothing after a whole one, or before any."""
        for file in (self._json, self._csv_file):
            if file is not None:
                file.close()
        for path in (self._json_path, self._csv_path):
            path.unlink(missing_ok=True)

    def _rows_of(self, batch: Batch, play: Play):
        sketches = to_bytes(play.sketches)
        guesses, targets = play.scores.argmax(dim=1).tolist(), batch.targets.tolist()
        pools = [[f"target-images/{name}.png" for name in pool] for pool in self._save_candidates(batch)]
        senders_a_game = len(targets) // len(pools)
        for turn, (guess, target, sketch) in enumerate(zip(guesses, targets, sketches, strict=True)):
            yield {
                "reciever_guess": guess,
                "reciever_guess_correct": guess == target,
                "sketch": f"sketch-images/{self._save(sketch, 'sketch-images')}.png",
                "correct_image": target,
                "images": pools[turn // senders_a_game],
            }

    def _save_candidates(self, batch: Batch) -> list[list[str]]:
        """The candidates' names, game by game; each item's picture is made and hashed once a test."""
        items, rows = batch.items.candidates.flatten().tolist(), batch.candidates.flatten().tolist()
        fresh = [(item, row) for item, row in zip(items, rows, strict=True) if item not in self._hash_of_item]
        if fresh:
            for (item, _), pixels in zip(fresh, to_bytes(batch.photos[[row for _, row in fresh]]), strict=True):
                self._hash_of_item[item] = self._save(pixels, "target-images")
        return [[self._hash_of_item[item] for item in pool] for pool in batch.items.candidates.tolist()]

    def _save(self, pixels: Tensor, folder: str) -> str:
        """Stores uint8 [1 or 3, H, W] unless it is there already; its md5."""
        name = picture_name(pixels)
        path = self.folder / folder / f"{name}.png"
        if not path.exists():
            array = pixels.permute(1, 2, 0).contiguous().numpy()
            picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            write_atomically(path, picture.save)
        return name
