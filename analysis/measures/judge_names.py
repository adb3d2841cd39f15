"""The names of judges. This module does not import torch."""

from __future__ import annotations

import re
from collections.abc import Mapping

from learning_to_draw.components import options_of
from learning_to_draw.models.encoders.config import ENCODERS

DEFAULT_JUDGE = "efficientnet-lite0"
TIMM = "timm:"  # followed by timm's name of a network
# The encoders of this program that can be a judge.
OWN_JUDGES = tuple(name for name, encoder in ENCODERS.items() if "imagenet_weights" in options_of(encoder.config))


def is_own_eye(judge: str, options: Mapping[str, object]) -> bool:
    """Whether a judge has the architecture of an encoder of the agents. options: the agents' options, by name."""
    return any(_architecture(judge) == _architecture(value) for value in options.values() if isinstance(value, str))


def _architecture(name: str) -> str:
    """The name of the network: "resnet50" for "timm:resnet50.a1_in1k" and for "ResNet50Backbone".

    timm's "tf_efficientnet_lite0" (weights from TensorFlow) gives the default judge's name, "efficientnet-lite0".
    CLIP's networks get timm's names, but with hyphens: "vit-base-patch16-clip-224" for "ViT-B/16".
    """
    name = re.sub(r"^hf[_-]hub:(.*/)?", "", name.removeprefix(TIMM))
    network = name.partition(".")[0].lower().removeprefix("tf_").replace("_", "-")
    network = network.replace("-clip-quickgelu-", "-clip-").replace("-clip-gap", "-clip").replace("/", "-")
    if clip := re.fullmatch(r"rn(\d+(?:x\d+)?)", network):
        return f"resnet{clip[1]}-clip"
    if clip := re.fullmatch(r"vit-b-(\d+)", network):
        return f"vit-base-patch{clip[1]}-clip-224"
    return network.removesuffix("extended").removesuffix("backbone")
