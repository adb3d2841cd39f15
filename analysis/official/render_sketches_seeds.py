"""`commgame.py render-sketches-seeds`: averages the sketches of the same targets over several logs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from learning_to_draw.datasets.decoding import read_picture, to_tensor
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import GameLog, read_log
from learning_to_draw.trials.records.grids import grid
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.pictures import save_picture, to_picture

PER_ROW = 10


def render_sketches_seeds(logs: Sequence[Path], output: Path, target_output: Path | None, count: int) -> str:
    """Writes the averaged sketches of up to `count` targets and, if `target_output` is given, the targets.

    Returns a message for the user. Raises UsageError if the logs have no target in common, if their pictures differ
    in size, or if an output file exists already or has an unknown format.
    """
    _check_outputs([path for path in (output, target_output) if path is not None])
    sources = [read_log(folder) for folder in logs]
    common = targets_in_all(sources)
    if not common:
        raise UsageError(
            f"no target is in all {len(sources)} logs, so there is nothing to average.\n"
            "Give logs of tests with the same data set, at the same image size."
        )
    shown = common[:count]
    sketches = sketches_of(sources)
    pictures = {output: averages([sketches[target] for target in shown])}
    if target_output is not None:
        pictures[target_output] = averages([[sources[0].picture(target)] for target in shown])
    for path, averaged in pictures.items():
        save_picture(path, to_picture(grid(averaged, per_row=PER_ROW)), new=True)
    written = " and ".join(map(str, pictures))
    of = f"that all {len(sources)} logs have" if len(sources) > 1 else "of the log"
    return f"{len(shown)} of the {len(common)} targets {of}, written to {written}"


def targets_in_all(logs: Sequence[GameLog]) -> list[str]:
    """Returns the pictures that are targets in every log, in the order of the first log."""
    others = [{game.target_picture for game in log.games} for log in logs[1:]]
    first = dict.fromkeys(game.target_picture for game in logs[0].games)
    return [target for target in first if all(target in other for other in others)]


def sketches_of(logs: Sequence[GameLog]) -> dict[str, list[Path]]:
    """Target -> the files of all its sketches, one for each game in which it was the target."""
    files: dict[str, list[Path]] = {}
    for log in logs:
        for game in log.games:
            files.setdefault(game.target_picture, []).append(log.picture(game.sketch))
    return files


def averages(groups: Sequence[Sequence[Path]]) -> Tensor:
    """float [N, 3, H, W] in 0..1: the mean picture of each group of files.

    Raises UsageError if a file is not a picture, or if the pictures differ in height or width.
    """
    means, first, size = [], groups[0][0], None
    for paths in groups:
        total = 0
        for path in paths:
            pixels = to_tensor(read_picture(path, channels=3)).float() / 255
            size = size or pixels.shape
            if pixels.shape != size:
                raise UsageError(
                    f"the logs' pictures differ in size: {_size(size)} in {first},\n{_size(pixels.shape)} in {path}.\n"
                    "Give logs of tests at the same image size."
                )
            total = total + pixels
        means.append(total / len(paths))
    return torch.stack(means)


def _size(shape: torch.Size) -> str:
    return f"{shape[2]} x {shape[1]} pixels"


def _can_be_written(ending: str) -> bool:
    """Whether Pillow can write RGB with that file ending: some formats are black and white or read-only."""
    try:
        Image.new("RGB", (1, 1)).save(io.BytesIO(), Image.registered_extensions()[ending])
    except Exception:  # each format fails in its own way
        return False
    return True


def _check_outputs(paths: Sequence[Path]) -> None:
    for path in paths:
        check_new(path)
        if not _can_be_written(path.suffix.lower()):
            raise UsageError(
                f"{path} needs the ending of a format in which colour pictures can be written.\n"
                "Give a name such as sketches.png."
            )
    if len(set(paths)) < len(paths):
        raise UsageError(f"the sketches and the targets cannot both be written to {paths[0]}.\nGive two names.")
