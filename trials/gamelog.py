"""gamelogs/: every game of a test, with the pictures it was played with, for people, programs and old tools.

docs/outputs.md describes every field. Everything goes straight to disk, so that memory does not grow with the number
of games.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torchbearer
from learning_to_draw.datasets.splits import Split
from learning_to_draw.models.agents import Play
from learning_to_draw.models.decoding import Strokes
from learning_to_draw.trials.batches import Batch
from learning_to_draw.trials.pictures import to_bytes
from learning_to_draw.trials.run_folder import write_atomically, write_json
from PIL import Image
from torch import Tensor
from torchbearer.callbacks import Callback

FORMAT = 1
FIELDS = ("reciever_guess", "reciever_guess_correct", "sketch", "correct_image", "images")
DIGITS = 5  # after the point, of what games.jsonl holds as text; strokes.npz has all


def picture_name(pixels: Tensor) -> str:
    """The name that a log knows uint8 [1 or 3, H, W] by: the md5 of its pixels, row by row, grey or RGB."""
    return hashlib.md5(pixels.permute(1, 2, 0).contiguous().numpy().tobytes(), usedforsecurity=False).hexdigest()


def stroke_width(sigma2: float) -> float:
    """Width of a stroke where its ink, exp(-d2 / sigma2), is half of its most; in the canvas's units."""
    return 2 * math.sqrt(sigma2 * math.log(2))


class GameLog(Callback):
    """Writes `folder`/gamelogs during a test pass. Its lists appear once all games are in them."""

    def __init__(self, folder: Path, split: Split, seed: int, card: Mapping[str, Any]):
        """split: what the games are dealt from. seed: --data-seed. card: what card.json says beside the numbers."""
        super().__init__()
        self.folder, self.split, self.seed, self.card = folder / "gamelogs", split, seed, card
        self._file_of_item: dict[int, str] = {}
        self._unfinished: list[Any] = []

    def on_start_validation(self, state):
        for name in ("target-images", "sketch-images"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._json = _Unfinished(self.folder / "games.json")
        self._csv = _Unfinished(self.folder / "games.csv")
        self._lines = _Unfinished(self.folder / "games.jsonl")
        self._strokes = _StrokesFile(self.folder / "strokes.npz")
        self._unfinished = [self._json, self._csv, self._lines, self._strokes]
        self._table = csv.DictWriter(self._csv.file, FIELDS, lineterminator="\n")
        self._table.writeheader()
        self._games = self._right = 0

    def on_step_validation(self, state):
        batch, play = state[torchbearer.X], state[torchbearer.Y_PRED]
        for entry in self._entries(batch, play):
            row = {
                "reciever_guess": entry["guess"],
                "reciever_guess_correct": entry["guess"] == entry["target"],
                "sketch": entry["sketch"],
                "correct_image": entry["target"],
                "images": entry["candidates"],
            }
            self._json.file.write(("[" if self._games == 0 else ",\n ") + json.dumps(row))
            self._table.writerow(row)
            self._lines.file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
            self._games += 1
            self._right += entry["guess"] == entry["target"]
        self._strokes.add(play.strokes)

    def on_end_validation(self, state):
        self._json.file.write("]\n" if self._games else "[]\n")
        numbers = {"games": self._games, "communication_rate": self._right / self._games if self._games else None}
        write_json(self.folder / "card.json", {"format": FORMAT, **self.card, **numbers})
        for file in self._unfinished:
            file.finish()

    def discard_unfinished(self):
        """Removes what an interrupted pass has left of the lists; does nothing after a whole one, or before any."""
        for file in self._unfinished:
            file.discard()

    def _entries(self, batch: Batch, play: Play) -> Iterator[dict[str, Any]]:
        """The lines of games.jsonl, one for every sender's turn."""
        # A sender may have seen a view of its own (--random-transform-sender), so that its photo is saved as well.
        photos = [self._save(pixels, "target-images") for pixels in to_bytes(play.photos)]
        sketches = [self._save(pixels, "sketch-images") for pixels in to_bytes(play.sketches)]
        pools = self._save_candidates(batch)
        meant, offered = self._classes(batch.items.senders), [self._classes(pool) for pool in batch.items.candidates]
        strokes, scores = _as_lists(play.strokes), play.scores.detach().cpu()
        senders_a_game = len(scores) // len(pools)
        for turn, (guess, target) in enumerate(zip(scores.argmax(dim=1).tolist(), batch.targets.tolist(), strict=True)):
            game = turn // senders_a_game
            yield {
                "format": FORMAT,
                "game": self._games,
                "seed": self.seed,
                "sender_image": photos[turn],
                "sender_class": meant[turn],
                "sketch": sketches[turn],
                "strokes": strokes[turn],
                "candidates": pools[game],
                "candidate_classes": offered[game],
                "scores": _rounded(scores[turn]),
                "guess": guess,
                "target": target,
            }

    def _save_candidates(self, batch: Batch) -> list[list[str]]:
        """The candidates' files, game by game; each item's picture is made and hashed once a test."""
        items, rows = batch.items.candidates.flatten().tolist(), batch.candidates.flatten().tolist()
        fresh = [(item, row) for item, row in zip(items, rows, strict=True) if item not in self._file_of_item]
        if fresh:
            for (item, _), pixels in zip(fresh, to_bytes(batch.photos[[row for _, row in fresh]]), strict=True):
                self._file_of_item[item] = self._save(pixels, "target-images")
        return [[self._file_of_item[item] for item in pool] for pool in batch.items.candidates.tolist()]

    def _classes(self, items: Tensor) -> list[str]:
        """The classes of items [N]."""
        return [self.split.classes[label] for label in self.split.labels[self.split.items[items]].tolist()]

    def _save(self, pixels: Tensor, folder: str) -> str:
        """Stores uint8 [1 or 3, H, W] unless it is there already; its file, in the log's folder."""
        name = f"{folder}/{picture_name(pixels)}.png"
        path = self.folder / name
        if not path.exists():
            array = pixels.permute(1, 2, 0).contiguous().numpy()
            picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            write_atomically(path, picture.save)
        return name


class _Unfinished:
    """A text file under a temporary name, until it is finished."""

    def __init__(self, path: Path):
        self.path, self._temporary = path, path.with_name(f".{path.stem}.tmp{path.suffix}")
        # A class may have a folder's name that is no text: JSON's own \udcNN reads back as it was.
        self.file = self._temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def finish(self) -> None:
        self.file.close()
        os.replace(self._temporary, self.path)

    def discard(self) -> None:
        self.file.close()
        self._temporary.unlink(missing_ok=True)


class _StrokesFile:
    """strokes.npz, which numpy reads, written without ever holding all strokes: rows go to raw files, put together in
    the end."""

    def __init__(self, path: Path):
        self.path = path
        self._raw: dict[str, tuple[Path, BinaryIO, tuple[int, ...]]] = {}
        self._rows, self._sigma2 = 0, 0.0

    def add(self, strokes: Strokes) -> None:
        """Strokes of B sketches; every call has as many of the same kind."""
        arrays = {"points": strokes.points, "intensities": strokes.intensities}
        for name, tensor in arrays.items():
            if tensor is None:
                continue
            array = tensor.detach().cpu().float().numpy()
            if name not in self._raw:
                path = self.path.with_name(f".{name}.tmp.raw")
                self._raw[name] = (path, path.open("wb"), array.shape[1:])
            self._raw[name][1].write(array.tobytes())
        self._rows, self._sigma2 = self._rows + len(strokes.points), strokes.sigma2

    def finish(self) -> None:
        write_atomically(self.path, self._write)
        self.discard()

    def discard(self) -> None:
        for path, file, _ in self._raw.values():
            file.close()
            path.unlink(missing_ok=True)

    def _write(self, temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("sigma2.npy", "w") as member:
                np.lib.format.write_array(member, np.array(self._sigma2))
            for name, (path, file, shape) in self._raw.items():
                file.flush()
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, path.open("rb") as source:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, *shape)}
                    np.lib.format.write_array_header_1_0(member, header)
                    shutil.copyfileobj(source, member)


def _as_lists(strokes: Strokes) -> list[dict[str, Any]]:
    """The entry `strokes` of each sketch."""
    width, colours = round(stroke_width(strokes.sigma2), DIGITS), [None] * len(strokes.points)
    if strokes.intensities is not None:
        colours = _rounded(strokes.intensities)
    points = _rounded(strokes.points)
    return [{"points": p, "width": width, "colours": c} for p, c in zip(points, colours, strict=True)]


def _rounded(tensor: Tensor) -> list:
    return np.round(tensor.detach().cpu().double().numpy(), DIGITS).tolist()
