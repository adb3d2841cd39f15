"""Which class CLIP (Radford et al. 2021) takes a picture for, of any list of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from learning_to_draw.analysis.measures.zero_shot import closest, picture_embeddings, sentence_embeddings


@dataclass(frozen=True)
class Clip:
    """A CLIP on `device`. model: what `models.encoders.clip.load_clip(name)` gives."""

    name: str
    model: nn.Module
    device: torch.device

    def seen_classes(self, paths: Sequence[Path], classes: Sequence[str], template: str) -> list[str]:
        """Of every picture file the class whose sentence is closest to it. template: a sentence, {} is the class."""
        sentences = [template.replace("{}", cls) for cls in classes]
        meanings = sentence_embeddings(self.model, self.name, sentences, self.device)
        return [classes[index] for index in closest(picture_embeddings(self.model, paths, self.device), meanings)]
