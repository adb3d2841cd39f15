"""The encoder built on the networks of the optional package timm."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError, did_you_mean, first_line
from learning_to_draw.models.encoders.base import BackboneEncoder, Features, expand_channels
from learning_to_draw.models.encoders.config import TimmConfig
from learning_to_draw.models.encoders.pretrained import fill, read_weights
from learning_to_draw.packages import import_optional


class TimmBackbone(BackboneEncoder):
    """A network of timm (Wightman 2019) without its classifier, and a projection `enc` of its pooled features.

    Pictures [B, 3, S, S] -> latent [B, latent_size]. Pictures are normalised with the mean and standard deviation that
    timm gives for the network, with or without --imagenet-norm. Feature maps: those of `timm_layers`, by default all
    that timm names in `feature_info`, [B, C, H, W]; a ViT's tokens are arranged as a map, without the class token and
    registers. The network stays in eval mode: dropout is off, and the statistics of batch normalisation never change.
    Networks differ in the scale of their features, so each picture's pooled features are normalised to mean 0 and
    variance 1 before the projection.
    """

    def __init__(
        self,
        config: TimmConfig = TimmConfig(),
        *,
        image_size: int,
        channels: int = 3,
        pretrained: bool = True,
    ):
        """Raises UsageError if timm, the network, its layers or its weights are not available, and ValueError if the
        network cannot take pictures of this size."""
        super().__init__()
        network = _load_network(config, pretrained)
        size, named = _fit_to_size(network, image_size)
        if unknown := [layer for layer in config.timm_layers or () if layer not in named]:
            raise UsageError(
                f"--timm-layers {unknown[0]}: {config.timm_model} has no such feature layer.\n"
                f"{did_you_mean(unknown[0], named)}The network has {', '.join(named) or 'none'}."
            )
        in_order = [layer for layer in named if layer in (config.timm_layers or named)]
        if config.timm_layers and list(config.timm_layers) != in_order:
            # --sop-weights gives one weight per layer, in this order.
            raise UsageError(
                f"--timm-layers {' '.join(config.timm_layers)}: these layers are not in the network's order, or one is "
                "given twice.\n"
                f"Give --timm-layers {' '.join(in_order)}."
            )
        self._index_of = {layer: index for index, layer in enumerate(named)}
        self.feature_layers = tuple(in_order)
        self.network = network.requires_grad_(not config.freeze_backbone).to(memory_format=torch.channels_last)
        self.mean, self.std = (torch.tensor(network.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
        self.enc = nn.Sequential(nn.LayerNorm(size, elementwise_affine=False), nn.Linear(size, config.latent_size))

    def train(self, mode: bool = True) -> TimmBackbone:
        super().train(mode)
        self.network.eval()
        return self

    @property
    def backbone(self) -> nn.Module:
        return self.network

    def preprocess(self, pictures: Tensor) -> Tensor:
        return (expand_channels(pictures, self.channels) - self.mean) / self.std

    def _run(self, pictures: Tensor, layers: Collection[str], is_sketch: bool) -> Features:
        network: Any = self.network  # timm's networks are untyped
        wanted = [layer for layer in self.feature_layers if layer in layers]
        if not wanted:
            return Features(network.forward_head(network.forward_features(pictures)))
        values, maps = network.forward_intermediates(pictures, [self._index_of[layer] for layer in wanted])
        return Features(network.forward_head(values), dict(zip(wanted, maps, strict=True)))


def _load_network(config: TimmConfig, pretrained: bool) -> Any:
    """The network without its classifier, at its own picture size, in eval mode.

    Raises UsageError if both --timm-pretrained and --timm-weights are given, or if the network or its weights are not
    available.
    """
    if config.timm_pretrained and config.timm_weights is not None:
        raise UsageError(
            "--timm-pretrained and --timm-weights exclude each other.\n"
            "Give only one of them. If a preset or a configuration turns on --timm-pretrained, --no-timm-pretrained "
            "turns it off."
        )
    timm, name = import_optional("timm", "TimmBackbone", "timm"), config.timm_model
    known = [*timm.list_models(), *timm.list_pretrained()]
    if name not in known:  # timm would also accept an address on the web, such as hf-hub:USER/NAME
        raise UsageError(
            f"--timm-model {name}: the installed timm has no such network.\n"
            f"{did_you_mean(name, known)}This command lists the networks whose names contain vit: "
            "python -c \"import timm; print(*timm.list_models('*vit*'))\""
        )
    downloads = pretrained and config.timm_pretrained
    try:
        network = timm.create_model(name, pretrained=downloads, num_classes=0).eval()
    except NotImplementedError:  # an operation that the meta device lacks
        raise
    except Exception as error:  # offline, damaged file, missing package: each raises a different type
        raise UsageError(_not_available(timm, name, downloads, error)) from error
    if pretrained and config.timm_weights is not None:
        fill(network, read_weights(config.timm_weights, "--timm-weights"), "", config.timm_weights)
    return network


def _not_available(timm: ModuleType, name: str, downloads: bool, error: Exception) -> str:
    reason = first_line(error)
    if not downloads:
        return f"timm {timm.__version__} cannot build {name}: {reason}\nChoose another network with --timm-model."
    return (
        f"timm's weights for {name} are not available: {reason}\n"
        "Looked in the folder of HF_HOME, then at huggingface.co.\n"
        "Connect to the internet once, set HF_HOME to a folder that has them, give a file with --timm-weights, or "
        "leave out --timm-pretrained."
    )


@torch.no_grad()
def _fit_to_size(network: Any, image_size: int) -> tuple[int, tuple[str, ...]]:
    """Adapts a network to pictures of `image_size` px; returns its number of pooled features, and its feature layers.

    Networks for pictures of one size, such as ViTs, get interpolated position embeddings if timm can do this. Raises
    ValueError if the network cannot take pictures of `image_size` px.
    """
    pictures = torch.zeros(1, 3, image_size, image_size)
    try:
        if network.pretrained_cfg.get("fixed_input_size") and hasattr(network, "set_input_size"):
            network.set_input_size(img_size=(image_size, image_size))
        size = network.forward_head(network.forward_features(pictures)).shape[1]
        maps = network.forward_intermediates(pictures)[1] if hasattr(network, "forward_intermediates") else []
    except Exception as error:  # the networks raise many types
        if next(network.parameters()).is_meta:
            raise NotImplementedError("the meta device lacks an operation of this network") from error
        raise ValueError(f"this network cannot take pictures of {image_size} px ({first_line(error)})") from error
    layers = tuple(layer["module"] for layer in network.feature_info) if maps else ()
    return size, layers if len(layers) == len(maps) else ()  # in a few networks, their numbers differ
