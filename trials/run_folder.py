"""The folder of a run: where it is, that nothing in it is overwritten, and files that are there whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from errors import UsageError
from trials.options import Options

# Any of these says that a folder holds a run.
RUN_FILES = ("config.json", "log.csv", "train_cmd.txt", "eval_cmd.txt", "result.json", "model_final.pt", "gamelogs")
PACKAGES = ("torch", "torchvision", "torchbearer", "numpy", "pillow", "scikit-learn")


def choose_folder(options: Options) -> Path:
    """The folder that the run will write to; nothing is made yet.

    Raises UsageError if the one asked for holds a run already or cannot be a folder.
    """
    if options.output is None:
        game = "original" if options.object_oriented == "none" else options.object_oriented
        stem = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{options.command}_{options.dataset}_{game}"
        names = [stem] + [f"{stem}_{number}" for number in range(2, 100)]
        return next(Path("runs", name) for name in names if not Path("runs", name).exists())
    folder = Path(options.output)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder} is a file, not a folder.\nGive another name.")
    held = [name for name in RUN_FILES if (folder / name).exists()]
    if held:
        raise UsageError(
            f"--output {folder} already holds a run ({', '.join(held)}), and nothing is overwritten.\n"
            "Give another folder, or move that one away."
        )
    return folder


def open_folder(folder: Path, options: Options, arguments: Sequence[str], device: str) -> None:
    """Makes the folder and writes what the run was asked to do: the command, the resolved options, the versions."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        command_file = "train_cmd.txt" if options.command == "train" else "eval_cmd.txt"
        write_text(folder / command_file, shlex.join(arguments))
    except OSError as error:
        raise UsageError(f"--output {folder} cannot be written to: {error.strerror}.\nGive another folder.") from error
    write_json(
        folder / "config.json",
        {
            "command": options.command,
            "arguments": list(arguments),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "device": device,
            "options": plain(options.values),
            "sources": options.sources,
            "versions": versions(),
        },
    )


def versions() -> dict[str, str]:
    """What the run ran with: Python, packages, and the git revision of this program where it has one."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    found["git"] = _git_revision()
    return found


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Options as JSON and `torch.load(weights_only=True)` know them: paths become text."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Calls `write` with a temporary name beside `path`, then renames: a reader finds the old file or the new one."""
    # The suffix stays, as pictures are written in the format that it names.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


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
