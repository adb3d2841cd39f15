"""Weights of networks trained elsewhere: ImageNet's through torchvision, Stylized-ImageNet's from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from learning_to_draw.errors import UsageError, first_line

STYLIZED_IMAGENET_FILE = "vgg16_train_60_epochs_lr0.01-6c6fcc9f.pth"


def load_imagenet_weights(network: nn.Module, weights: WeightsEnum, prefix: str = "") -> None:
    """Fills a torchvision network, or the part of it that it calls `prefix`, with torchvision's weights.

    A file under TORCH_HOME is used without network; otherwise torchvision downloads it. Raises UsageError when that
    fails.
    """
    name = weights.url.rsplit("/", 1)[-1]
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # no network, no space, a damaged file: each fails in its own way
        raise UsageError(
            f"the ImageNet weights {name} could not be had: {first_line(error)}\n"
            f"Looked for in {checkpoint_folder()}, then downloaded from {weights.url}.\n"
            "Put the file there by hand, set TORCH_HOME to a folder that has it under hub/checkpoints, or leave out "
            "--imagenet-weights."
        ) from error
    fill(network, state, prefix, checkpoint_folder() / name)


def load_stylized_imagenet_weights(backbone: nn.Sequential, file: str) -> None:
    """Fills VGG16's layers with weights trained on Stylized-ImageNet (Geirhos et al. 2019).

    file: a path, or "" for the official file name under TORCH_HOME. Raises UsageError where it cannot be used.
    """
    path = Path(file) if file else checkpoint_folder() / STYLIZED_IMAGENET_FILE
    if not path.is_file():
        raise UsageError(
            f"no Stylized-ImageNet weights at {path}\n"
            f"Download {STYLIZED_IMAGENET_FILE} (github.com/rgeirhos/texture-vs-shape lists where), put it there or "
            "give its path: --sin-weights FILE."
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = {str(key): value for key, value in content.get("state_dict", content).items()}
    except Exception as error:  # whatever such a file makes the unpickler stumble over
        raise UsageError(
            f"{path} cannot be read as a file of weights ({type(error).__name__}).\n"
            "Download it again, or give another one: --sin-weights FILE."
        ) from error
    # It was saved from a network whose convolutions were wrapped for several GPUs.
    fill(backbone, {key.replace(".module", ""): value for key, value in state.items()}, "features.", path)


def checkpoint_folder() -> Path:
    """Where torch keeps downloaded weights; follows TORCH_HOME."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def fill(network: nn.Module, state: Mapping[str, Tensor], prefix: str, path: Path) -> None:
    """Loads the entries that `network` has. Raises UsageError when one is missing or has another shape."""
    wanted = network.state_dict()
    # Photos' statistics are where the sketches' own begin.
    source = {key: prefix + key.replace(".drawn_running_", ".running_") for key in wanted}
    found = {key: state[source[key]] for key in wanted if source[key] in state}
    wrong = [key for key in wanted if getattr(found.get(key), "shape", None) != wanted[key].shape]
    if wrong:
        raise UsageError(
            f"{path} does not hold the weights of this network: {source[wrong[0]]} is missing or has another shape."
        )
    network.load_state_dict(found)
