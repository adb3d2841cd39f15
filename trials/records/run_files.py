"""The names of all files that runs write. No run overwrites or removes any other file.

A new run needs a folder without these names. docs/outputs.md explains each file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from learning_to_draw.trials.records.atomic import final_name

# The command line as typed. The first two file names are those of the official code.
COMMAND_FILES = {"train": "train_cmd.txt", "test": "eval_cmd.txt", "crossplay": "crossplay_cmd.txt"}
# FOLDER-test is the test of the training in FOLDER with the training's own options; sweep and compare know it by this.
OWN_TEST = "test"
# What a training writes before its first resume.pt.
FIRST_FILES = ("config.json", COMMAND_FILES["train"], "plugin.py", "model-info.txt", "tensorboard/*", "wandb/*")
# Relative to the run's folder. NN: a number of two digits or more. MD5: 32 hexadecimal digits. *: anything.
NAMES = {
    "train": (
        *FIRST_FILES,
        "log.csv",
        "metrics.jsonl",
        "result.json",
        "val_games.png",
        "val_reconstruction_samples_NN.png",
        "val_samples.png",
        "val_senders.png",
        "val_steps.png",
        "val_steps.gif",
        "val_strokes_NN.npz",
        "val_samples_targets_gameorder.png",
        "val_samples_targets_matchedorder.png",
        "model_NN.pt",
        "model_best.pt",
        "model_final.pt",
        "resume.pt",
        "resume_previous.pt",
        "resumed.json",
        "plugin-*.py",
    ),
    "test": (
        "config.json",
        COMMAND_FILES["test"],
        "plugin.py",
        "model-info.txt",
        "log.csv",
        "result.json",
        "test_games.png",
        "test_sketch_samples.png",
        "test_samples.png",
        "test_senders.png",
        "test_steps.png",
        "test_steps.gif",
        "test_samples_targets_gameorder.png",
        "test_samples_targets_matchedorder.png",
        "gamelogs/games.json",
        "gamelogs/games.csv",
        "gamelogs/games.jsonl",
        "gamelogs/strokes.npz",
        "gamelogs/card.json",
        "gamelogs/target-images/MD5.png",
        "gamelogs/sketch-images/MD5.png",
    ),
    "crossplay": (
        "config.json",
        COMMAND_FILES["crossplay"],
        "plugin.py",
        "result.json",
        "crossplay.csv",
        "crossplay.png",
    ),
}


def files_of_runs(folder: Path) -> list[str]:
    """The files and folders in `folder` with names that runs use, sorted; empty if the folder does not exist."""
    names = {name.split("/")[0] for names in NAMES.values() for name in names}
    return sorted(name for name in (os.listdir(folder) if folder.exists() else ()) if matches(name, names))


def other_files(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yields the relative paths of all links, and of all files that match none of `names`, in or below the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or _is_named(path, folder, names)):
            yield str(path.relative_to(folder))


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Removes the files with these names from a folder, and their temporary files."""
    for path in list(folder.rglob("*")):
        if not path.is_dir() and _is_named(path, folder, names):
            path.unlink()


def remove_temporary_files(folder: Path) -> None:
    """Removes the hidden temporary files of a training that was killed while it wrote."""
    for path in folder.iterdir():
        if final_name(path.name) != path.name and _is_named(path, folder, NAMES["train"]):
            path.unlink(missing_ok=True)


def matches(name: str, names: Iterable[str]) -> bool:
    """Whether `name` matches one of `names`, in the notation of `NAMES`. Ignores case, as some file systems do."""
    patterns = (re.escape(pattern).replace("NN", r"\d{2,}") for pattern in names)
    patterns = (pattern.replace("MD5", "[0-9a-f]{32}").replace(r"\*", ".+") for pattern in patterns)
    return any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in patterns)


def _is_named(path: Path, folder: Path, names: Iterable[str]) -> bool:
    """Whether `path`, a file below `folder`, matches one of `names`, or is the temporary file of a file that does."""
    return matches(path.with_name(final_name(path.name)).relative_to(folder).as_posix(), names)
