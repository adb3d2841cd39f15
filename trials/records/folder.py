"""Chooses and creates the folder of a run, without overwriting anything, and records versions and command line."""

from __future__ import annotations

import functools
import json
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from learning_to_draw import __version__, plugins
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.records.atomic import write_atomically, write_json

# The command line as typed. The first two file names are those of the official code.
COMMAND_FILES = {"train": "train_cmd.txt", "test": "eval_cmd.txt", "crossplay": "crossplay_cmd.txt"}
# A folder with any of these files holds a run.
RUN_FILES = ("config.json", "log.csv", *COMMAND_FILES.values(), "result.json", "model_final.pt", "gamelogs")
TIMES = ("games_per_second", "seconds")  # not in log.csv, which is reproducible
PACKAGES = ("torch", "torchvision", "torchbearer", "numpy", "numba", "pillow", "scikit-learn")


def choose_folder(config: RunConfig) -> Path:
    """The folder that the run will write to. `open_folder` creates it later.

    Raises UsageError if --output already holds a run, is not a folder, or is not writable.
    """
    if config.output is None:
        what = f"{config.command}_{config.dataset.name}_{config.game_title}"
        return Path("runs", f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{what}")
    if not config.output:
        raise UsageError(
            "--output needs a folder name, but got an empty one.\n"
            "Name a folder, or leave it out for a new one under runs/."
        )
    folder = Path(config.output)
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--output {folder} is a file, not a folder.\nGive another name.")
        held = [name for name in RUN_FILES if (folder / name).exists()]
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:  # a name that is too long, or a loop of symbolic links
        raise _cannot_write(folder, error.strerror) from error
    if held:
        raise _holds_a_run(folder, held)
    if not os.access(nearest, os.W_OK):
        raise _cannot_write(folder, f"no permission in {nearest}")
    return folder


def open_folder(folder: Path, config: RunConfig, command: Sequence[str], device: str) -> Path:
    """Creates the folder, writes the command, the resolved options and the versions to it, and returns it.

    Runs that start at the same time get different folders. Raises UsageError if another run has taken --output.
    """
    folder = _claim(folder, config, shlex.join(command))
    if config.plugin is not None:
        content = plugins.loaded(config.plugin).content
        write_atomically(folder / "plugin.py", lambda temporary: temporary.write_bytes(content))
    write_json(
        folder / "config.json",
        {
            "command": config.command,
            "arguments": list(command),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "device": device,
            "options": plain(config.values()),
            "sources": dict(config.sources),
            "versions": versions(config.plugin),
        },
    )
    return folder


def note_resumption(
    folder: Path, plugin: Path | None, command: Sequence[str], epochs: int, batches: int, device: str
) -> None:
    """Adds a resumption to resumed.json, after `epochs` epochs and `batches` batches of the next one."""
    path = folder / "resumed.json"
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    start = {"arguments": list(command), "started": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    position = {"after_epochs": epochs, "after_batches": batches}
    write_json(path, [*earlier, {**start, **position, "device": device, "versions": versions(plugin)}])


def _claim(folder: Path, config: RunConfig, command: str) -> Path:
    """Claims the folder for this run, by creating the command file: only one run can succeed."""
    name = COMMAND_FILES[config.command]
    candidates = [folder]
    if config.output is None:
        candidates += [folder.with_name(f"{folder.name}_{number}") for number in range(2, 1000)]
    for candidate in candidates:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            with (candidate / name).open("x", encoding="utf-8", errors="surrogateescape") as file:
                file.write(command)
        except FileExistsError:
            continue
        except OSError as error:
            raise _cannot_write(candidate, error.strerror) from error
        return candidate
    raise _holds_a_run(folder, [name])


def _holds_a_run(folder: Path, held: Sequence[str]) -> UsageError:
    return UsageError(
        f"--output {folder} already holds a run ({', '.join(held)}), and nothing is overwritten.\n"
        "Give another folder, or move that one away."
    )


def _cannot_write(folder: Path, reason: str) -> UsageError:
    return UsageError(f"--output {str(folder)[:200]} cannot be written to: {reason}.\nGive another folder.")


def versions(plugin: Path | str | None = None) -> dict[str, str]:
    """The versions of this program, Python and the packages, the git revision, and the hash of a plugin."""
    return _versions() | plugins.sha256_of(plugin)


@functools.cache  # read once, before training: later commits do not change the running program
def _versions() -> dict[str, str]:
    numbers = {"learning-to-draw": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            numbers[package] = metadata.version(package)
    numbers["git"] = _git_revision()
    return numbers


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options with paths as text and tuples as lists, for JSON and `torch.load(weights_only=True)`."""
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _git_revision() -> str:
    """The commit of this program, with "-dirty" if files have changed; "unknown" outside git."""
    root = Path(__file__).parents[2]
    # An installed copy may be inside another repository: its revision is not ours, and its .git/config can name
    # programs that git runs.
    if not (root / ".git").exists():
        return "unknown"
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()
