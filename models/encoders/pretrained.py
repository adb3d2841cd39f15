"""Pretrained weights: ImageNet's through torchvision, others from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.packages import import_optional

STYLIZED_IMAGENET_FILE = "vgg16_train_60_epochs_lr0.01-6c6fcc9f.pth"


def load_imagenet_weights(network: nn.Module, weights: WeightsEnum, prefix: str = "") -> None:
    """Loads torchvision's weights into `network`: a torchvision network, or a part of one.

    prefix: the beginning of the part's keys in the whole network, such as "features.".

    torchvision downloads the file unless it is under TORCH_HOME. Raises UsageError if the download fails, or if the
    file is damaged.
    """
    name = weights.url.rsplit("/", 1)[-1]
    path = checkpoint_folder() / name
    downloads = not path.exists()
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:  # offline, disk full, damaged file: each raises a different type
        if not downloads:  # torch checks hashes only of files that it downloads
            raise UsageError(
                f"the file of ImageNet weights {path} is damaged: {first_line(error).split('. ')[0][:150]}.\n"
                f"Delete it to download it again from {weights.url}, or replace it with an intact copy."
            ) from error
        raise UsageError(
            f"the ImageNet weights {name} are not available: {first_line(error)}\n"
            f"Looked in {checkpoint_folder()}, then at {weights.url}.\n"
            "Put the file into that folder by hand, set TORCH_HOME to a folder that has it under hub/checkpoints, or, "
            "in a training, leave out --imagenet-weights."
        ) from error
    fill(network, state, prefix, path)


def load_stylized_imagenet_weights(backbone: nn.Sequential, file: str) -> None:
    """Loads weights trained on Stylized-ImageNet (Geirhos et al. 2019) into VGG16's layers.

    file: a path, or "" for the official file name in TORCH_HOME/hub/checkpoints.
    Raises UsageError if the file cannot be used.
    """
    path = Path(file) if file else checkpoint_folder() / STYLIZED_IMAGENET_FILE
    if not path.is_file():
        raise UsageError(
            f"there are no Stylized-ImageNet weights at {path}.\n"
            f"Download {STYLIZED_IMAGENET_FILE} (link at github.com/rgeirhos/texture-vs-shape) and put it there, or "
            "give its path: --sin-weights FILE."
        )
    state = read_weights(path, "--sin-weights")
    # The file was saved from a network with its convolutions in nn.DataParallel.
    fill(backbone, {key.replace(".module", ""): value for key, value in state.items()}, "features.", path)


def read_weights(path: Path, option: str) -> dict[str, Tensor]:
    """The weights by name, from a safetensors file or a torch.save file of plain tensors; runs no code from the file.

    option: the option that names the file, for messages. Raises UsageError if the file cannot be read.
    """
    try:
        if path.suffix == ".safetensors":
            return import_optional("safetensors.torch", option, "safetensors").load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        # A file with a complete training state holds the weights under one of these names.
        content = content.get("state_dict", content.get("model", content))
        return {str(key): value for key, value in content.items()}
    except UsageError:
        raise
    except Exception as error:  # an invalid file raises many types
        raise UsageError(
            f"{path} cannot be read as a file of weights ({type(error).__name__}).\n"
            f"Download it again, or give another one: {option} FILE."
        ) from error


def checkpoint_folder() -> Path:
    """The folder of torch's downloaded weights; depends on TORCH_HOME."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def fill(network: nn.Module, state: Mapping[str, Tensor], prefix: str, path: Path) -> None:
    """Loads the entries of `network` from `state`. prefix: the beginning of their keys in `state`.

    Raises UsageError, naming the file `path`, if an entry is missing or has another shape.
    """
    own = network.state_dict()
    # The statistics for sketches start with the values for photos.
    source = {key: prefix + key.replace(".drawn_running_", ".running_") for key in own}
    loaded = {key: state[source[key]] for key in own if source[key] in state}
    wrong = [key for key in own if getattr(loaded.get(key), "shape", None) != own[key].shape]
    if wrong:
        raise UsageError(
            f"{path} does not hold the weights of this network: {source[wrong[0]]} is missing or has another shape.\n"
            "Use an intact file with the weights of this network."
        )
    network.load_state_dict(loaded)
