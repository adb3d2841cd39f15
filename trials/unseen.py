"""Checks that agents are tested on pictures that they were not trained on, and that a resumed run has its pictures.

A data set whose division depends on the files in its folder gives every picture an id (`datasets/identity.py`).
Checkpoints hold those of the training pictures. Data sets with a fixed division have no ids, and need no check.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.run import CrossplayConfig, TestConfig
from learning_to_draw.trials.records.checkpoints import Checkpoint

logger = logging.getLogger("commgame")

# Before checkpoints held ids, this data set divided folders in another way.
DIVIDED_ANEW = "ImageFolder"


def check_unseen(config: TestConfig | CrossplayConfig, split: Split, checkpoints: Sequence[Checkpoint]) -> None:
    """Raises UsageError if a checkpoint was trained on pictures of the split, unless --allow-trained is given."""
    if split.ids is None:
        return
    for checkpoint in checkpoints:
        problem = _problem(config.dataset.name, split.ids, checkpoint)
        if problem and config.allow_trained:
            logger.warning("%s %s", checkpoint.path, problem)
        elif problem:
            raise UsageError(
                f"{checkpoint.path} {problem}.\n"
                "Its rate would be too high: restore its training pictures and options, or give other pictures.\n"
                "To test it on these nevertheless, add --allow-trained."
            )


def _problem(dataset: str, ids: Tensor, checkpoint: Checkpoint) -> str | None:
    """What is wrong with a test of the checkpoint on the pictures `ids`; None if nothing is."""
    if checkpoint.trained_on is not None:
        seen = int(torch.isin(ids, checkpoint.trained_on).sum())
        return f"was trained on {seen} of the {len(ids)} pictures of the test split" if seen else None
    if dataset == DIVIDED_ANEW and checkpoint.options.get("dataset") == DIVIDED_ANEW:
        return (
            "is of an earlier version, which did not record its training pictures and divided folders in another way: "
            "many of the test pictures may be among them"
        )
    return None


def warn_of_copies(splits: Mapping[str, Split]) -> None:
    """Warns if validation or test pictures are also training pictures."""
    ids = splits["train"].ids
    for name, split in splits.items():
        if ids is not None and split.ids is not None and name != "train":
            copies = int(torch.isin(split.ids, ids).sum())
            if copies:
                logger.warning("%d of the %d pictures of %s are also training pictures", copies, len(split.ids), name)


def picture_ids(splits: Mapping[str, Split]) -> dict[str, Tensor]:
    """The ids of the training and validation pictures, for resume.pt; empty without ids."""
    return {name: split.ids for name, split in splits.items() if name != "test" and split.ids is not None}


def check_unchanged(
    folder: Path, dataset: str, splits: Mapping[str, Split], saved: Mapping[str, Tensor] | None
) -> None:
    """Raises UsageError if the pictures are not those that the run was started with.

    saved: the `picture_ids` in resume.pt; None in a file of an earlier version.
    """
    if saved is None and dataset == DIVIDED_ANEW:
        raise UsageError(
            f"--resume {folder}: the run is of an earlier version, which divided folders in another way.\n"
            "Start a new run."
        )
    for name, ids in picture_ids(splits).items():
        before = (saved or {}).get(name, ids)
        if not torch.equal(before, ids):
            missing, new = (~torch.isin(before, ids)).sum(), (~torch.isin(ids, before)).sum()
            how = f"{missing} missing, {new} new" if missing or new else "their files or folders were renamed"
            raise UsageError(
                f"--resume {folder}: the pictures of the {name} split have changed since the run was started: {how}.\n"
                "A run resumes exactly or not at all: restore the pictures, or start a new run."
            )
