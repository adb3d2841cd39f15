"""The folder of a run: where it is, that nothing in it is overwritten, and files that are there whole or not at all."""

from __future__ import annotations

import functools
import json
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from learning_to_draw import __version__, plugins
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.resolve import Options
from learning_to_draw.trials.records.atomic import write_json, write_text

# The command as it was typed; the first two names are the official ones.
COMMAND_FILES = {"train": "train_cmd.txt", "test": "eval_cmd.txt", "crossplay": "crossplay_cmd.txt"}
# Any of these says that a folder holds a run.
RUN_FILES = ("config.json", "log.csv", *COMMAND_FILES.values(), "result.json", "model_final.pt", "gamelogs")
TIMES = ("games_per_second", "seconds")  # of an epoch; differ from run to run, and so stay out of log.csv
PACKAGES = ("torch", "torchvision", "torchbearer", "numpy", "numba", "pillow", "scikit-learn")


def choose_folder(options: Options) -> Path:
    """The folder that the run will write to; nothing is made yet (`open_folder` does that).

    Raises UsageError if the one asked for holds a run already, cannot be a folder, or cannot be written to.
    """
    if options.output is None:
        game = "original" if options.object_oriented == "none" else options.object_oriented
        return Path("runs", f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{options.command}_{options.dataset}_{game}")
    if not options.output:
        raise UsageError("--output is empty.\nName a folder, or leave it out for a fresh one under runs/.")
    folder = Path(options.output)
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--output {folder} is a file, not a folder.\nGive another name.")
        held = [name for name in RUN_FILES if (folder / name).exists()]
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:  # a name that is too long, a loop of links
        raise _cannot_write(folder, error.strerror) from error
    if held:
        raise _holds_a_run(folder, held)
    if not os.access(nearest, os.W_OK):
        raise _cannot_write(folder, f"no permission in {nearest}")
    return folder


def open_folder(folder: Path, options: Options, command: Sequence[str], device: str) -> Path:
    """Makes the folder and writes what the run was asked to do: the command, the resolved options, the versions.

    Of runs that are started at once, each gets a folder of its own, or UsageError if both asked for one. Returns it.
    """
    folder = _claim(folder, options, shlex.join(command))
    if options.plugin is not None:
        write_text(folder / "plugin.py", Path(options.plugin).read_text(encoding="utf-8"))
    write_json(
        folder / "config.json",
        {
            "command": options.command,
            "arguments": list(command),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "device": device,
            "options": plain(options.values),
            "sources": options.sources,
            "versions": versions(options.plugin),
        },
    )
    return folder


def note_resumption(
    folder: Path, options: Options, command: Sequence[str], epochs: int, batches: int, device: str
) -> None:
    """Adds to resumed.json that the run in a folder goes on, after so many epochs and batches of the next."""
    path = folder / "resumed.json"
    noted = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    now = {"arguments": list(command), "started": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    where = {"after_epochs": epochs, "after_batches": batches}
    write_json(path, [*noted, {**now, **where, "device": device, "versions": versions(options.plugin)}])


def _claim(folder: Path, options: Options, command: str) -> Path:
    """Makes the folder this run's own: its command file is created, which only one run can do."""
    name = COMMAND_FILES[options.command]
    candidates = [folder]
    if options.output is None:
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
    """What the run ran with: Python, packages, the git revision of this program where it has one, and the hash of a
    plugin."""
    return _versions() | plugins.sha256_of(plugin)


@functools.cache  # asked once, before training: a commit made meanwhile does not change what is running
def _versions() -> dict[str, str]:
    found = {"learning-to-draw": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    found["git"] = _git_revision()
    return found


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON and `torch.load(weights_only=True)` know them: paths become text."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def _git_revision() -> str:
    """The commit of this program, with "-dirty" after it where files have been changed; "unknown" outside git."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return described.stdout.strip()
