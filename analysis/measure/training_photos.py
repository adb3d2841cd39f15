"""Training photos of the data set that a log was played with, for a judge to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from learning_to_draw import plugins
from learning_to_draw.analysis.measures.judge import choose_photos
from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.trials.config.configure import COMMAND_LINE, complete
from learning_to_draw.trials.records.gamelog import GameLog
from learning_to_draw.trials.trained import of_agents

PER_CLASS = 30  # as in many studies of Caltech-101


@dataclass(frozen=True)
class TrainingPhotos:
    """N photos, uint8 [N, C, S, S], without augmentation. labels: int64 [N], indices into `classes`."""

    pictures: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]


def load_training_photos(
    log: GameLog, seed: int, *, plugin: Path | None = None, dataset_root: Path | None = None
) -> TrainingPhotos | None:
    """Returns up to `PER_CLASS` photos of every class, chosen at random from the training split of the log's data set.

    Returns None if the log's card has no options.
    seed: of the random choice. dataset_root: the folder of the data set, if it has moved since the log was played.
    Raises UsageError if the data set is not available.
    """
    options = log.card.get("options")
    if not options:
        return None
    given = {"weights": str(options.get("weights", ""))}
    given |= {} if plugin is None else {"plugin": plugin}
    given |= {} if dataset_root is None else {"dataset_root": dataset_root}
    plugins.reload_plugin(plugin, options, log.card.get("versions", {}), str(log.folder))
    config = complete("test", given, COMMAND_LINE, of_agents(options), "card.json")
    built = config.dataset.build()
    split = built.split("train")
    chosen = choose_photos(split.labels.numpy(), PER_CLASS, np.random.default_rng(seed))
    if isinstance(split.images, RaggedImages):
        pictures = np.stack([_square(split.images.picture(row), built.image_size) for row in chosen.tolist()])
    else:
        pictures = split.images[torch.from_numpy(chosen)].numpy()
    return TrainingPhotos(pictures, split.labels.numpy()[chosen], split.classes)


def _square(picture: torch.Tensor, size: int) -> np.ndarray:
    """uint8 [C, size, size]: the largest central square of a picture uint8 [C, H, W], resized."""
    height, width = picture.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[None, :, top : top + side, left : left + side].float()
    resized = F.interpolate(middle, (size, size), mode="bilinear", antialias=True)
    return resized[0].round().clamp(0, 255).byte().numpy()
