"""Classifies pictures into given classes, with CLIP (Radford et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from learning_to_draw.analysis.measures.zero_shot import closest, picture_embeddings, sentence_embeddings


@dataclass(frozen=True)
class Clip:
    """A CLIP network on `device`. model: the result of `models.encoders.clip.load_clip(name)`."""

    name: str
    model: nn.Module
    device: torch.device

    def seen_classes(self, paths: Sequence[Path], classes: Sequence[str], template: str) -> list[str]:
        """Returns, for each picture, the class with the closest sentence.

        template: a sentence with {} for the class.
        """
        sentences = [template.replace("{}", cls) for cls in classes]
        meanings = sentence_embeddings(self.model, self.name, sentences, self.device)
        return [classes[index] for index in closest(picture_embeddings(self.model, paths, self.device), meanings)]
