"""CLIP (Radford et al. 2021): OpenAI's networks and their weights, through the optional package open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.encoders.config import CLIP_MODELS
from learning_to_draw.packages import import_optional
from learning_to_draw.rasteriser.bounds import bounded

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def load_clip(name: str, *, pretrained: bool = True) -> nn.Module:
    """OpenAI's CLIP in float32 and eval mode, with `visual`, `encode_image`, `encode_text` and `logit_scale`.

    name: as OpenAI writes it, such as "ViT-B/32" or "RN50". pretrained: False builds OpenAI's architecture without
    loading weights. Downloads are cached by Hugging Face (HF_HOME).
    Raises UsageError if open_clip is not installed, the name is unknown, or the weights are not available.
    """
    open_clip = _import_open_clip()
    name_there = name.replace("/", "-")
    architecture = open_clip.get_model_config(name_there)
    if architecture is None:
        others = ", ".join(known for known in CLIP_MODELS if known != name)
        raise UsageError(f"the installed open_clip has no network {name}.\nChoose one of {others}.")
    # OpenAI's activation; open_clip's own configurations of these names use another one.
    model = open_clip.CLIP(**architecture, quick_gelu=True)
    if pretrained:
        try:
            path = open_clip.download_pretrained(open_clip.get_pretrained_cfg(name_there, "openai"))
        except Exception as error:  # offline, disk full: each raises a different type
            raise UsageError(_not_available(open_clip, name, error)) from error
        try:
            open_clip.load_checkpoint(model, path)
        except Exception as error:  # a damaged file can raise almost any exception
            raise UsageError(
                f"the file of CLIP's weights {path} is damaged: {first_line(error)}\n"
                "Delete it to download it again, or replace it with an intact copy."
            ) from error
    return model.float().eval()


def clip_text_tokens(name: str, texts: Sequence[str]) -> Tensor:
    """int64 [N, 77]: the tokens of N texts for the model `name`. Texts with more than 77 tokens are truncated.

    Raises UsageError if open_clip is not installed.
    """
    return _import_open_clip().get_tokenizer(name.replace("/", "-"))(list(texts))


def clip_input(model: nn.Module, pictures: Tensor) -> Tensor:
    """Pictures [B, 1 or 3, H, W] in 0..1, resized to the model's resolution R and normalised: [B, 3, R, R], the input
    of `model.encode_image`."""
    fitted = fit_to_tower(cast(nn.Module, model.visual), pictures)
    if fitted is not pictures:
        fitted = bounded(fitted, 0, 1)  # bicubic interpolation overshoots
    mean, std = (fitted.new_tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    return (fitted.expand(-1, 3, -1, -1) - mean) / std


def fit_to_tower(tower: nn.Module, pictures: Tensor) -> Tensor:
    """Pictures [B, C, H, W] resized to the resolution of CLIP's visual tower; unchanged if they already have it."""
    size = cast("int | tuple[int, int]", tower.image_size)
    height, width = (size, size) if isinstance(size, int) else size
    if pictures.shape[-2:] == (height, width):
        return pictures
    return F.interpolate(pictures, (height, width), mode="bicubic", antialias=True)


def _import_open_clip() -> ModuleType:
    return import_optional("open_clip", "CLIP", "open_clip_torch")


def _not_available(open_clip: ModuleType, name: str, error: Exception) -> str:
    # huggingface_hub is installed with open_clip.
    cache = import_optional("huggingface_hub.constants", "CLIP", "huggingface_hub").HF_HUB_CACHE
    repository = open_clip.get_pretrained_cfg(name.replace("/", "-"), "openai")["hf_hub"].rstrip("/")
    return (
        f"OpenAI's weights of CLIP {name} are not available: {first_line(error)}\n"
        f"Looked for {repository} in {cache}, then at huggingface.co.\n"
        "Connect to the internet once, or set HF_HOME to a folder that has them under hub."
    )
