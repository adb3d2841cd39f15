"""Reads and writes checkpoints: dicts of tensors, text and numbers, with the options needed to rebuild the agents.

Also reads checkpoints of the official code. They contain no options. Some values in its `model_final.pt` are objects of
torchbearer's classes; the keys in its `model_NN.pt` are torchbearer's state keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import torch
from msgspec import Meta
from torch import Tensor

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.models.population import Community, Population
from learning_to_draw.reading import Count, Options, OptionValue, Positive, check
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.records.atomic import write_atomically
from learning_to_draw.trials.records.folder import plain, versions
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.records.torch_files import Damaged, NotPlain, read_torch

ImageSize = Annotated[int, Meta(ge=1, le=2**13)]  # bounded: a stranger's checkpoint could demand any memory
Channels = Literal[1, 3]


class _Weights(TypedDict):
    """The entries that every checkpoint has, of this program or of the official code."""

    model: dict[str, Tensor]
    history: list[dict[str, OptionValue]]


class _Ours(_Weights):
    epoch: Count
    options: Options
    sigma2: Positive


class _Saved(_Ours, total=False):
    """The entries that are read from a checkpoint of this program.

    The first versions of the program did not write the entries below.
    """

    loss: dict[str, Tensor]
    versions: dict[str, str]
    trained_on: Tensor | None
    image_size: ImageSize | None
    channels: Channels | None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been read.

    epoch: the last epoch trained, from 0. options: the training's options, with the annealed sigma2; empty for an
    official checkpoint. model: the agents' state dict. history: the metrics of each epoch; empty for packed agents.
    loss: the learnt weights of the losses; may be empty. versions: what `folder.versions` returned in the training;
    may be empty. trained_on: int64 [N], the ids of the training pictures; None if the pictures have no ids. image_size,
    channels: those of the training pictures; None if `save_agents` did not get the pictures. The last three are also
    None for checkpoints of the official code or of the first versions of this program.
    """

    path: Path
    epoch: int
    options: dict[str, Any]
    model: dict[str, torch.Tensor]
    history: list[dict[str, Any]]
    loss: dict[str, torch.Tensor] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    trained_on: torch.Tensor | None = None
    image_size: int | None = None
    channels: int | None = None


def save_agents(
    path: Path | str,
    agents: Community,
    config: RunConfig,
    *,
    trained_on: Split | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a checkpoint of agents that your own loop has trained; `load`, `test` and other commands read it.

    config: the configuration from which the agents were built. trained_on: the training pictures, so that the
    checkpoint contains their size, and a test can refuse pictures that the agents were trained on. Raises UsageError if
    the file exists and `overwrite` is False.
    """
    if not overwrite:
        check_new(Path(path))
    save_checkpoint(Path(path), agents, None, None, config.values(), 0, [], trained_on)


def save_checkpoint(
    path: Path,
    agents: Community,
    loss: TotalLoss | None,
    optimizer: torch.optim.Optimizer | None,
    options: Mapping[str, Any],
    epoch: int,
    history: list[dict[str, Any]],
    trained_on: Split | None = None,
) -> None:
    """Writes a checkpoint atomically. `torch.load(path, weights_only=True)` can read it.

    options: all options of the run by name. epoch: the last epoch trained, from 0. trained_on: the training pictures.
    """
    content = {
        "format": "learning-to-draw 1",
        "epoch": epoch,
        "options": plain(options),
        "sigma2": agents.pairs[0].decoder.sigma2,
        "model": agents.state_dict(),
        "loss": {} if loss is None else loss.state_dict(),
        "optimizer": {} if optimizer is None else optimizer.state_dict(),
        "history": history,
        "versions": versions(options["plugin"]),
        "trained_on": None if trained_on is None else trained_on.ids,
        "image_size": None if trained_on is None else agents.pairs[0].decoder.image_size,
        "channels": None if trained_on is None else trained_on.channels,
    }
    save_tensors(path, content)


def save_tensors(path: Path, content: Mapping[str, Any], previous: Path | None = None) -> None:
    """Writes tensors, text and numbers atomically. previous: the path to which the old file is renamed."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # with a path instead, torch does not say why it fails
            torch.save(content, file)

    write_atomically(path, write, previous=previous)


def load_checkpoint(path: Path, *, trust: bool = False) -> Checkpoint:
    """Reads a checkpoint. Raises UsageError if the file is not a checkpoint, is damaged, or needs `trust`.

    trust: also load objects that are neither tensors nor plain values. Their classes can run any code, so set `trust`
    only for files from a trusted source.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file.\nGive a model_*.pt that training wrote.")
    try:
        content = read_torch(path, trust=trust, without=("optimizer", "callback_list"))
    except NotPlain as needed:
        raise UsageError(
            f"{path} contains {needed}, which is not a dense tensor, a number or text, and could run any code.\n"
            "Do not use it, unless you trust its source: test, crossplay, draw and play read it with --trust-weights."
        ) from needed
    except Damaged as error:
        raise UsageError(
            f"{path} cannot be read: it is cut short, damaged, or not written by this program ({error}).\n"
            "Give another model_*.pt of that run."
        ) from error
    try:
        if isinstance(content, dict) and "torchbearer_version" in content:
            return _official(path, check(content, _Weights))
        content = check(content, _Saved)
    except ValueError as error:
        raise UsageError(
            f"{path} is not a checkpoint of this program: {error}.\nGive a model_*.pt that training wrote."
        ) from error
    options = content["options"] | {"sigma2": content["sigma2"]}
    return Checkpoint(
        path,
        content["epoch"],
        options,
        content["model"],
        content["history"],
        content.get("loss", {}),
        content.get("versions", {}),
        content.get("trained_on"),
        content.get("image_size"),
        content.get("channels"),
    )


def _official(path: Path, content: _Weights) -> Checkpoint:
    """Converts the content of an official checkpoint to a `Checkpoint`."""
    model = {_our_name(key): value for key, value in content["model"].items() if not _unused_here(key)}
    for key, value in list(model.items()):
        prefix, _, name = key.rpartition(".")
        # Batch norm has one set of statistics in the official code and two here. CLIP's are not duplicated.
        if name in ("running_mean", "running_var") and ".clipmodel." not in key:
            model[f"{prefix}.drawn_{name}"] = value
    return Checkpoint(path, len(content["history"]) - 1, {}, model, content["history"])


def _differ(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    return not torch.equal(tensor.nan_to_num(), other.nan_to_num())


def _unused_here(key: str) -> bool:
    """Whether an official weight is not needed here: a rasteriser's grid, or a part of CLIP's text encoder."""
    return key.endswith(".grid") or (".clipmodel." in key and ".clipmodel.visual." not in key)


def _our_name(key: str) -> str:
    return key.replace("decoder.rasteriser.", "decoder.")  # official name of a recurrent decoder's single-pass part


def load_agents(agents: Community, checkpoint: Checkpoint) -> None:
    """Loads the checkpoint's weights into the agents. Raises UsageError if they do not fit."""
    if isinstance(agents, Population):
        load_fitting(agents, checkpoint)
        agents.share_backbones()
        return
    halves = [
        {key.removeprefix(prefix): value for key, value in checkpoint.model.items() if key.startswith(prefix)}
        for prefix in ("sender_encoder.", "receiver_encoder.")
    ]
    if agents.shared and any(_differ(value, halves[1].get(key, value)) for key, value in halves[0].items()):
        raise UsageError(
            f"{checkpoint.path} has separate encoders for sender and receiver, but these agents "
            "share one encoder.\nAdd --separate-encoders."
        )
    load_fitting(agents, checkpoint)


def load_fitting(agents: Community, checkpoint: Checkpoint) -> None:
    """Loads the checkpoint's weights into the agents. Raises UsageError if names or shapes of weights do not fit.

    Unlike `load_agents`, does not call `share_backbones`, and accepts a checkpoint with separate encoders even if the
    agents share one encoder.
    """
    try:
        agents.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        reason = [line.strip() for line in str(error).splitlines()[1:]]
        advice = "Leave out the options that differ from those of the checkpoint's training."
        if not checkpoint.options:
            advice = "The checkpoint contains no options: give all options of its training, such as --latent-size."
        raise UsageError(
            f"{checkpoint.path} does not fit the agents that the options describe:\n"
            f"{reason[0][:300] if reason else error}\n"
            f"{advice}"
        ) from error
