"""The file of options that --config reads: the config.json of a training, or the output of --print-config.

Importing this module does not import torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from learning_to_draw.errors import UsageError
from learning_to_draw.plugins import reload_plugin, sha256_of
from learning_to_draw.reading import Options, read_json
from learning_to_draw.trials.config.all_options import NOT_REUSED, all_options, by_name
from learning_to_draw.trials.config.run import RunConfig


class SavedConfig(TypedDict, total=False):
    """The content of config.json. Runs of the official code do not have this file."""

    command: str
    arguments: list[str]
    started: str
    device: str
    options: Options
    sources: dict[str, str]
    versions: dict[str, str]


class _Printed(TypedDict):
    options: Options


class TrainingConfig(SavedConfig, _Printed, total=False):
    """The content of a --config file."""

    command: Literal["train"]


def read_config(given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """(options, source) of the --config file in `given`, the user's options; ({}, "") if `given` has none.

    Loads the file's plugin. Raises UsageError for a file that cannot be read, and if `given` has a preset as well.
    """
    path = given.get("config")
    if path is None:
        return {}, ""
    if given.get("preset") is not None:
        raise UsageError(
            f"--config {path} and --preset {given['preset']} cannot be combined: a configuration has all options, and "
            "would override the preset.\nGive one of them, and change single options in addition."
        )
    advice = "Give the config.json of a training, or the output of --print-config."
    content: TrainingConfig = read_json(Path(path), TrainingConfig, advice)
    reload_plugin(given.get("plugin"), content["options"], content.get("versions", {}), f"--config {path}")
    saved = by_name(content["options"])
    if unknown := sorted(saved.keys() - all_options().keys()):
        raise UsageError(f"--config {path} has {unknown[0]!r}, which is not an option.\nCorrect it, or remove it.")
    return {n: v for n, v in saved.items() if n not in NOT_REUSED}, f"--config {Path(path).name}"


def as_json(config: RunConfig) -> str:
    """The options as JSON, for --print-config; --config can read this text."""
    values = {name: value for name, value in config.values().items() if name not in NOT_REUSED}
    if config.plugin is not None:
        values["plugin"] = config.plugin.absolute()
    content = {"command": config.command, "options": values, "versions": sha256_of(config.plugin)}
    return json.dumps(content, indent=2, default=str)
