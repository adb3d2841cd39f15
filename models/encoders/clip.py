"""CLIP (Radford et al. 2021): OpenAI's networks and their weights, through the optional package open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import torch.nn.functional as F
from torch import Tensor, nn

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.options import CLIP_MODELS
from learning_to_draw.rasteriser.bounds import bounded

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def load_clip(name: str, *, pretrained: bool = True) -> nn.Module:
    """OpenAI's CLIP in float32 and in eval mode: `visual`, `encode_image`, `encode_text`, `logit_scale`.

    name: as OpenAI writes it, "ViT-B/32" or "RN50". pretrained: False looks for no weights, and only the architecture
    is OpenAI's. A download is kept in Hugging Face's cache (HF_HOME), and found there afterwards.
    Raises UsageError where open_clip is not installed, knows no such name, or the weights cannot be had.
    """
    open_clip = _import_open_clip()
    name_there = name.replace("/", "-")
    architecture = open_clip.get_model_config(name_there)
    if architecture is None:
        raise UsageError(f"open_clip knows no network {name}.\nOpenAI's are {', '.join(CLIP_MODELS)}.")
    # OpenAI's activation; open_clip's own configurations of the same names mean another one.
    model = open_clip.CLIP(**architecture, quick_gelu=True)
    if pretrained:
        try:
            path = open_clip.download_pretrained(open_clip.get_pretrained_cfg(name_there, "openai"))
            open_clip.load_checkpoint(model, path)
        except Exception as error:  # no network, no space, a damaged file: each fails in its own way
            raise UsageError(_not_to_be_had(open_clip, name, error)) from error
    return model.float().eval()


def clip_text_tokens(name: str, texts: Sequence[str]) -> Tensor:
    """Texts as the model `name` reads them: int64 [N, 77], longer ones cut. Raises UsageError without open_clip."""
    return _import_open_clip().get_tokenizer(name.replace("/", "-"))(list(texts))


def clip_input(model: nn.Module, pictures: Tensor) -> Tensor:
    """Pictures float [B, 1 or 3, H, W] in 0..1 as `model.encode_image` takes them: [B, 3, R, R], normalised."""
    fitted = fit_to_tower(model.visual, pictures)
    if fitted is not pictures:
        fitted = bounded(fitted, 0, 1)  # bicubic interpolation overshoots
    mean, std = (fitted.new_tensor(values).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    return (fitted.expand(-1, 3, -1, -1) - mean) / std


def fit_to_tower(tower: nn.Module, pictures: Tensor) -> Tensor:
    """Pictures [B, C, H, W] at the resolution of a CLIP's visual tower; themselves where they already have it."""
    size = tower.image_size
    height, width = (size, size) if isinstance(size, int) else size
    if pictures.shape[-2:] == (height, width):
        return pictures
    return F.interpolate(pictures, (height, width), mode="bicubic", antialias=True)


def _import_open_clip() -> ModuleType:
    try:
        import open_clip
    except ImportError as error:
        raise UsageError(
            f"CLIP needs the package open_clip, which cannot be imported: {error}\npip install open_clip_torch"
        ) from error
    return open_clip


def _not_to_be_had(open_clip: ModuleType, name: str, error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE  # comes with open_clip

    repository = open_clip.get_pretrained_cfg(name.replace("/", "-"), "openai")["hf_hub"].rstrip("/")
    return (
        f"OpenAI's weights of CLIP {name} could not be had: {first_line(error)[:200]}\n"
        f"Looked for {repository} in {HF_HUB_CACHE}, then at huggingface.co.\n"
        "Connect to the network once, or set HF_HOME to a folder that has them under hub."
    )
