"""`commgame.py dump-hashes-classes`: lists the test pictures: their names in game logs, and their classes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

from learning_to_draw.components import Chosen, Config
from learning_to_draw.datasets.splits import Split
from learning_to_draw.text_tables import as_csv
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.gamelog_writer import picture_name
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.pictures import to_bytes

logger = logging.getLogger("commgame")

BATCH = 256  # pictures hashed at a time


def dump_hashes_classes(dataset: Chosen[Config], output: Path | None, name: bool) -> str:
    """Returns CSV lines md5,class without a header; with `output`, writes them there and returns a message.

    class is the number of the class or, with `name`, its name. A picture that occurs several times in the test split
    is listed once per class. Raises UsageError if the data set is not available, or if `output` exists.
    """
    if output is not None:
        check_new(output)
    split = dataset.build().split("test")
    rows = list(dict.fromkeys((picture, split.classes[label] if name else label) for picture, label in labelled(split)))
    classes = Counter(picture for picture, _ in rows)
    if several := sum(count > 1 for count in classes.values()):
        logger.warning("test pictures that occur in several classes, and are listed once per class: %d", several)
    text = as_csv(rows)
    if output is None:
        return text.removesuffix("\n")
    write_text(output, text, new=True)
    return f"{len(classes)} pictures of {len(split.classes)} classes written to {output}"


def labelled(split: Split) -> Iterator[tuple[str, int]]:
    """Yields (name in game logs, label) of every item of a split, in order."""
    for items in torch.arange(len(split)).split(BATCH):
        # The view and the conversion to bytes are the same as in game logs, and so the names are the same.
        names = (picture_name(pixels) for pixels in to_bytes(split.view(items)))
        yield from zip(names, split.item_labels[items].tolist(), strict=True)
