"""Zero-shot classification with CLIP (Radford et al. 2021): which of several sentences is closest to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from learning_to_draw.datasets.decoding import read_picture, to_tensor
from learning_to_draw.datasets.splits import to_unit_range
from learning_to_draw.models.encoders.clip import clip_input, clip_text_tokens

BATCH = 64  # pictures or sentences per forward pass


@torch.inference_mode()
def sentence_embeddings(model: nn.Module, name: str, sentences: Sequence[str], device: torch.device) -> Tensor:
    """float [P, D]: embeddings of P sentences, of unit length, on the CPU.

    name: the CLIP network, which sets the tokeniser.
    """
    tokens = clip_text_tokens(name, sentences).split(BATCH)
    return _unit([model.encode_text(batch.to(device)) for batch in tokens])


@torch.inference_mode()
def picture_embeddings(model: nn.Module, paths: Sequence[Path], device: torch.device) -> Tensor:
    """float [N, D]: embeddings of picture files (any size, grey or in colour), of unit length, on the CPU.

    Raises UsageError if a file is not a picture.
    """
    batches = range(0, len(paths), BATCH)
    progress = tqdm(batches, desc="encoding pictures", unit=" batches", disable=None, leave=False)
    return _unit([model.encode_image(_read(model, paths[start : start + BATCH], device)) for start in progress])


def closest(pictures: Tensor, sentences: Tensor) -> Tensor:
    """int64 [N]: for each picture, the index of the closest sentence, by cosine.

    pictures, sentences: embeddings of unit length, [N, D] and [P, D].
    """
    return (pictures @ sentences.T).argmax(dim=1)


def _read(model: nn.Module, paths: Sequence[Path], device: torch.device) -> Tensor:
    """float [B, 3, R, R]: CLIP's input for picture files, resized one by one because they may differ in size."""
    pictures = (to_unit_range(to_tensor(read_picture(path, channels=3)), device) for path in paths)
    return torch.cat([clip_input(model, picture[None]) for picture in pictures])


def _unit(batches: Sequence[Tensor]) -> Tensor:
    return F.normalize(torch.cat(list(batches)).float().cpu(), dim=1)
