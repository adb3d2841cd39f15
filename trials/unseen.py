"""Checks that test pictures were not used for training, and that a resumed run has the pictures it was started with.

A data set gives every picture an id (`datasets/identity.py`) if its test pictures depend on the files in its folder or
on --dataset-seed. Checkpoints hold the ids of the training pictures. Data sets with fixed test pictures have no ids;
their test pictures need no check.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from learning_to_draw.datasets.identity import pixels_hash
from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.run import CrossplayConfig, TestConfig
from learning_to_draw.trials.records.checkpoints import Checkpoint

logger = logging.getLogger("commgame")


def check_unseen(config: TestConfig | CrossplayConfig, split: Split, checkpoints: Sequence[Checkpoint]) -> None:
    """Raises UsageError if a checkpoint was trained on pictures of the split; with --allow-trained, only warns."""
    if split.ids is None:
        return
    for checkpoint in checkpoints:
        problem = _problem(config.dataset.name, split, checkpoint)
        if problem and config.allow_trained:
            logger.warning("%s %s", checkpoint.path, problem)
        elif problem:
            raise UsageError(
                f"{checkpoint.path} {problem}.\n"
                "Its rate would be too high: restore its training pictures and options, or give other pictures.\n"
                "To test it on these pictures nevertheless, add --allow-trained."
            )


def _problem(dataset: str, split: Split, checkpoint: Checkpoint) -> str | None:
    """Why the checkpoint should not be tested on the split, as a phrase to put after its path; None if it can be."""
    if checkpoint.trained_on is not None:
        seen = int(torch.isin(split.ids, checkpoint.trained_on).sum())
        return f"was trained on {seen} of the {len(split.ids)} pictures of the test split" if seen else None
    if split.by_ids and checkpoint.options.get("dataset") == dataset:
        return (
            "was written by an earlier version of this program, which did not record training pictures and divided "
            "folders in another way: many of the test pictures may have been used for training"
        )
    return None


def warn_of_copies(splits: Mapping[str, Split]) -> None:
    """Logs a warning if validation or test pictures are also training pictures, and if a split repeats pictures."""
    ids = splits["train"].ids
    for name, split in splits.items():
        if split.ids is not None and (repeated := len(split.ids) - len(split.ids.unique())):
            logger.warning(
                "pictures of the %s split that repeat another picture of it: %d of %d; if both are candidates of one "
                "game, the receiver can only guess",
                name,
                repeated,
                len(split.ids),
            )
        if ids is not None and split.ids is not None and name != "train":
            copies = int(torch.isin(split.ids, ids).sum())
            if copies:
                later = "; a test refuses them without --allow-trained" if name == "test" else ""
                logger.warning(
                    "pictures of the %s split that are also training pictures: %d of %d%s",
                    name,
                    copies,
                    len(split.ids),
                    later,
                )


def check_same_pictures(folder: Path, splits: Mapping[str, Split], saved: Mapping[str, Any]) -> None:
    """Raises UsageError if the training or validation pictures are not those that the run was started with.

    saved: the content of resume.pt. Compares the ids of the pictures if the data set has ids, and their pixels if
    resume.pt has their hash, which early versions of this program did not save.
    """
    for name, split in splits.items():
        if name == "test":
            continue
        ids, how = saved.get("pictures", {}).get(name), None
        if ids is None and split.by_ids:
            raise UsageError(
                f"--resume {folder}: the run was started by an earlier version of this program, which divided the "
                "pictures of a folder into other splits.\n"
                "Start a new run."
            )
        if ids is not None and split.ids is not None and not torch.equal(ids, split.ids):
            missing, new = (~torch.isin(ids, split.ids)).sum(), (~torch.isin(split.ids, ids)).sum()
            how = f"{missing} missing, {new} new" if missing or new else "their files or folders were renamed"
        elif (before := saved.get("pixels", {}).get(name)) and before != pixels_hash(split.images, split.labels):
            how = "their pixels differ (another version of Pillow can also cause this)"
        if how:
            raise UsageError(
                f"--resume {folder}: the {name} split has other pictures than when the run was started: {how}.\n"
                "A run resumes exactly or not at all: restore the original files and folders, or start a new run."
            )
