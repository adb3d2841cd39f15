"""Writes and reads trained agents as a folder to share: model.safetensors and config.json, without pickles.

`trials/pack.py` adds README.md. A folder may come from a stranger, or from a repository of Hugging Face. The folder's
links are followed: the cache of downloaded repositories consists of links.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, TypedDict

import torch
from torch import Tensor

from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.packages import import_optional
from learning_to_draw.reading import Count, Options, Whole, cannot_read, read_json
from learning_to_draw.trials.config.all_options import OF_THE_PLACE, all_options
from learning_to_draw.trials.records.atomic import write_json
from learning_to_draw.trials.records.checkpoints import Channels, Checkpoint, ImageSize
from learning_to_draw.trials.records.torch_files import DTYPES

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
FORMAT = 1
REPOSITORY = "hf:"  # prefix of every repository's id, so that a mistyped path causes no download
ADVICE = "Give an intact folder that pack wrote. If a later version of this program wrote it, use that version."


class _FirstPacked(TypedDict):
    """The content of config.json.

    format: the version of this format. same: name of a weight that is not in model.safetensors -> name of the weight
    there that has the same values, because the agents share it. The other entries are as in `Checkpoint`, but `options`
    lacks those that concern only one machine (see `portable`).
    """

    format: Literal[1]
    epoch: Count
    options: Options
    versions: dict[str, str]
    trained_on: list[Whole] | None
    same: dict[str, str]


class _Packed(_FirstPacked, total=False):
    """The first versions of the program did not write these entries, which are as in `Checkpoint`."""

    image_size: ImageSize | None
    channels: Channels | None


def save_packed(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes model.safetensors and config.json to a folder that has neither.

    A tensor that has several names in `checkpoint.model`, because the agents share it, is written once. Raises
    UsageError if the package safetensors is missing.
    """
    safetensors = import_optional("safetensors.torch", "pack", "safetensors")
    first: dict[int, str] = {}
    for name, tensor in checkpoint.model.items():
        first.setdefault(id(tensor), name)
    weights = safetensors.save({name: checkpoint.model[name] for name in first.values()}, {"format": "pt"})
    (folder / WEIGHTS).write_bytes(weights)
    trained_on = checkpoint.trained_on
    content: _Packed = {
        "format": FORMAT,
        "epoch": checkpoint.epoch,
        "options": portable(checkpoint.options),
        "versions": checkpoint.versions,
        "same": {name: first[id(tensor)] for name, tensor in checkpoint.model.items() if first[id(tensor)] != name},
        "trained_on": None if trained_on is None else trained_on.tolist(),
        "image_size": checkpoint.image_size,
        "channels": checkpoint.channels,
    }
    write_json(folder / CONFIG, content, new=True)


def load_packed(path: Path) -> Checkpoint:
    """Reads the model.safetensors `path` and the config.json next to it. Raises UsageError if one of them is not valid.

    Whether the weights fit the options is checked when the agents are built, as for every checkpoint.
    """
    config = path.with_name(CONFIG)
    content: _Packed = read_json(config, _Packed, ADVICE)
    options = content["options"]
    if others := sorted(options.keys() - portable(options).keys()):
        raise UsageError(
            f"{config} has {others[0]!r} among its options: this option does not exist, or is never packed, "
            "such as an option with a path.\n"
            "Correct or remove this option. If a later version of this program wrote the folder, use that version."
        )
    model, trained_on = _read_weights(path), content["trained_on"]
    if missing := sorted(set(content["same"].values()) - model.keys()):
        raise cannot_read(config, f"it says that a weight is the same as {missing[0]!r}, which is missing", ADVICE)
    return Checkpoint(
        path,
        content["epoch"],
        options,
        model | {name: model[same] for name, same in content["same"].items()},
        history=[],
        versions=content["versions"],
        trained_on=None if trained_on is None else torch.tensor(trained_on, dtype=torch.int64),
        image_size=content.get("image_size"),
        channels=content.get("channels"),
    )


def download(repository: str) -> Path:
    """Downloads packed agents from a Hugging Face repository, and returns the path of their model.safetensors.

    Files that were downloaded before are not downloaded again unless the repository has changed; without a network,
    they are used as they are. repository: hf:user/name or hf:user/name@revision. Raises UsageError if the repository
    cannot be downloaded and was not downloaded before, or if the package huggingface_hub is missing.
    """
    name, _, revision = repository.removeprefix(REPOSITORY).partition("@")
    hub = import_optional("huggingface_hub", repository, "huggingface_hub")
    try:
        folder = hub.snapshot_download(name, revision=revision or None, allow_patterns=[WEIGHTS, CONFIG, CARD])
    except Exception as error:  # no network, no such repository, no permission: each raises another type
        raise UsageError(
            f"{repository} cannot be downloaded from Hugging Face ({' '.join(str(error).split())[:200]}).\n"
            "Correct the name, or connect to the network once."
        ) from error
    return Path(folder, WEIGHTS)


def portable(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that can be shared: no folders, files or devices of one machine, and no unknown options."""
    known = all_options()
    return {
        name: value
        for name, value in options.items()
        if name in known and name not in OF_THE_PLACE and known[name].type is not Path and not _holds_path(value)
    }


def _holds_path(value: Any) -> bool:
    """Whether an option's value is an absolute path of POSIX or Windows, or a list with such a path."""
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return any(path(text).is_absolute() for text in texts for path in (PurePosixPath, PureWindowsPath))


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():  # a named pipe would wait for a writer
        raise UsageError(f"{path} cannot be read: there is no such file.\n{ADVICE}")
    safetensors = import_optional("safetensors.torch", str(path), "safetensors")
    try:
        model: dict[str, Tensor] = safetensors.load_file(path)
    except Exception as error:  # a damaged file can raise many types
        raise cannot_read(path, first_line(error), ADVICE) from error
    if strange := [name for name, tensor in model.items() if tensor.dtype not in DTYPES]:
        raise cannot_read(path, f"{strange[0][:100]!r} has the unsupported type {model[strange[0]].dtype}", ADVICE)
    return model
