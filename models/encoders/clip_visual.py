"""The encoder built on CLIP's visual tower."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.base import BackboneEncoder, Features
from learning_to_draw.models.encoders.clip import clip_input, fit_to_tower, load_clip
from learning_to_draw.models.encoders.config import CLIPVisualConfig

OUTPUT = "CLIPvisual"
# Index of each stage among a ResNet tower's intermediate maps; index 0 is the output of its first convolutions.
RESNET_STAGES = {"layer1": 1, "layer2": 2, "layer3": 3, "layer4": 4}


class CLIPVisualEncoder(BackboneEncoder):
    """The visual tower of OpenAI's CLIP (Radford et al. 2021), and a projection `enc` of its output.

    Pictures [B, 3, S, S] -> latent [B, latent_size]. Pictures are resized to the tower's resolution and normalised as
    in CLIP's training; with --imagenet-norm, by ImageNet's mean and standard deviation instead. Feature maps: those of
    a ViT's blocks up to the chosen one, [B, width, tokens, 1], or of a ResNet's four stages; then the tower's
    output, [B, D, 1, 1]. The tower stays in eval mode: its running statistics are those of CLIP's training.
    """

    def __init__(
        self,
        config: CLIPVisualConfig = CLIPVisualConfig(),
        *,
        image_size: int | None = None,
        channels: int = 3,
        pretrained: bool = True,
    ):
        """Raises UsageError if open_clip or the weights are not available, or the network lacks the chosen block."""
        super().__init__()
        clip_model, transformer_resblock = config.clip_model, config.transformer_resblock
        if transformer_resblock is not None and not clip_model.startswith("ViT"):
            raise UsageError(
                f"--transformer-resblock {transformer_resblock}: CLIP's network {clip_model} has no such blocks.\n"
                "Leave out this option, or choose --clip-model ViT-B/32 or ViT-B/16."
            )
        tower = cast(nn.Module, load_clip(clip_model, pretrained=pretrained).visual)
        self._map_at = _feature_maps(tower, clip_model, transformer_resblock)
        self.feature_layers = (*self._map_at, OUTPUT)
        self.clipmodel = nn.ModuleDict({"visual": tower.requires_grad_(not config.freeze_backbone)})
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(cast(int, tower.output_dim), config.latent_size))

    def train(self, mode: bool = True) -> CLIPVisualEncoder:
        super().train(mode)
        self.clipmodel.eval()
        return self

    @property
    def backbone(self) -> nn.Module:
        return self.clipmodel

    def _run(self, pictures: Tensor, layers: Collection[str], is_sketch: bool) -> Features:
        tower: Any = self.clipmodel["visual"]  # open_clip's towers are untyped
        inputs = fit_to_tower(tower, pictures) if self.imagenet_norm else clip_input(self.clipmodel, pictures)
        if not layers:
            return Features(tower(inputs))
        outputs = tower.forward_intermediates(inputs, list(self._map_at.values()), **_format(tower))
        blocks = outputs["image_intermediates"]
        if _is_transformer(tower):
            # A location of the map is a token; the class token comes first.
            tokens = zip(outputs["image_intermediates_prefix"], blocks, strict=True)
            blocks = [torch.cat(pair, dim=1).transpose(1, 2).unsqueeze(3) for pair in tokens]
        output = outputs["image_features"]
        named = zip(self.feature_layers, [*blocks, output[:, :, None, None]], strict=True)
        return Features(output, {layer: values for layer, values in named if layer in layers})


def _feature_maps(tower: nn.Module, clip_model: str, last: str | None) -> dict[str, int]:
    """Feature layer -> its index among open_clip's intermediate maps. last: the last of a ViT's blocks to
    include, or None for all of them. Raises UsageError if the ViT does not have the block `last`."""
    if not _is_transformer(tower):
        return RESNET_STAGES
    blocks = cast(Any, tower).transformer.resblocks
    names = [f"resblock{number}" for number in range(len(blocks))]
    if last not in (None, *names):
        raise UsageError(
            f"--transformer-resblock {last}: {clip_model} has no such block.\nGive one of {', '.join(names)}."
        )
    count = len(names) if last is None else names.index(last) + 1
    return {name: number for number, name in enumerate(names[:count])}


def _is_transformer(tower: nn.Module) -> bool:
    return hasattr(tower, "transformer")


def _format(tower: nn.Module) -> dict[str, str | bool]:
    """Arguments of `forward_intermediates`: from a ViT, they request all tokens, including the class token."""
    return {"output_fmt": "NLC", "output_extra_tokens": True} if _is_transformer(tower) else {}
