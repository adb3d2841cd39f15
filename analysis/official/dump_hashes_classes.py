"""`commgame.py dump-hashes-classes`: the name in game logs, and the class, of every test picture of a data set."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from learning_to_draw.datasets import DATASETS
from learning_to_draw.datasets.splits import Split
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog_writer import picture_name
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.pictures import to_bytes

logger = logging.getLogger("commgame")

BATCH = 256  # pictures looked at together


def dump_hashes_classes(dataset: str, dataset_options: Mapping[str, Any], output: Path | None, name: bool) -> str:
    """CSV without a header, md5,class: the class's number, or with `name` its name.

    Returned where there is no `output`, else written to it. A picture that is in the split several times is listed
    once, and with several classes where it has them. Raises UsageError where the data set cannot be had.
    """
    if output is not None:
        check_new(output)
    split = DATASETS[dataset].build(dataset_options).split("test")
    rows = list(dict.fromkeys((picture, split.classes[label] if name else label) for picture, label in labelled(split)))
    pictures = len({picture for picture, _ in rows})
    if len(rows) > pictures:
        logger.warning("%d test pictures are also there with another class", len(rows) - pictures)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    if output is None:
        return text.getvalue().removesuffix("\n")
    write_text(output, text.getvalue())
    return f"{pictures} pictures of {len(split.classes)} classes written to {output}"


def labelled(split: Split) -> Iterator[tuple[str, int]]:
    """(name in game logs, label) of every item of a split, in order."""
    for items in torch.arange(len(split)).split(BATCH):
        # Through the view that is played with, and the bytes that are logged: the same way, the same name.
        names = (picture_name(pixels) for pixels in to_bytes(split.view(items)))
        yield from zip(names, split.item_labels[items].tolist(), strict=True)
