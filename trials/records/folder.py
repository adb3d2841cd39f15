"""Chooses and creates the folder of a run, and records versions and command line there.

Only files of an unfinished run that starts again are overwritten.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

from learning_to_draw import __version__, plugins
from learning_to_draw.errors import UsageError, listed
from learning_to_draw.reading import inside, read_json
from learning_to_draw.trials.config.all_options import OF_ONE_START
from learning_to_draw.trials.config.config_file import TrainingConfig
from learning_to_draw.trials.config.run import RunConfig, TrainConfig
from learning_to_draw.trials.records.atomic import make_folder, write_atomically, write_json, write_text
from learning_to_draw.trials.records.claim import claimed
from learning_to_draw.trials.records.run_files import (
    COMMAND_FILES,
    FIRST_FILES,
    NAMES,
    files_of_runs,
    matches,
    other_files,
    remove_files,
    remove_temporary_files,
)

CONFIG = "config.json"
TIMES = ("games_per_second", "seconds")  # not in log.csv, which is reproducible
ROOMS = ("datasets", "games", "models", "rasteriser", "trials")  # folders with code that trains
PACKAGES = ("torch", "torchvision", "torchbearer", "numpy", "numba", "pillow", "scikit-learn")
TEACHERS = ("senders_from", "receivers_from", "teacher")  # options that name a checkpoint of trained agents


def choose_folder(config: RunConfig) -> Path:
    """The folder that the run will write to. `open_folder` creates it later.

    Raises UsageError if --output already holds a run, is a file, or is not writable.
    """
    if config.output is None:
        what = f"{config.command}_{config.dataset.name}_{config.game_title}"
        return Path("runs", f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{what}")
    if not config.output:
        raise UsageError(
            "--output needs the name of a folder, but the name is empty.\n"
            "Name a folder, or leave out --output for a new one under runs/."
        )
    folder = Path(config.output)
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--output {folder} is a file, not a folder.\nGive another name.")
        _check_free(folder, config)
        check_unclaimed(folder)
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:  # a name that is too long, or a loop of symbolic links
        raise _cannot_write(folder, error.strerror) from error
    if not os.access(nearest, os.W_OK):
        raise _cannot_write(folder, f"no permission in {nearest}")
    return folder


def check_unclaimed(folder: Path) -> None:
    """Raises UsageError if another process is using the folder of a run."""
    if (folder / CONFIG).exists():
        with claimed(folder / CONFIG):
            pass


@contextmanager
def open_folder(folder: Path, config: RunConfig, command: Sequence[str], device: str) -> Iterator[Path]:
    """Context with the run's folder, which no other run can use within the context.

    Creates the folder, and writes the resolved options, the versions and the command to it. Without --output, runs that
    start at the same time get different folders. Raises UsageError if another run has taken the folder of --output.
    """
    with ExitStack() as claims:
        folder = claims.enter_context(_claim(folder, config, command, device))
        write_text(folder / COMMAND_FILES[config.command], shlex.join(command))
        if config.plugin is not None:
            _write_plugin(folder, plugins.loaded(config.plugin))
        yield folder


@contextmanager
def resumed_folder(folder: Path, config: RunConfig, command: Sequence[str], device: str) -> Iterator[None]:
    """Context in which no other process can use the folder of a training. Removes temporary files of a killed process.

    Updates config.json and plugin.py if options such as epochs, or the plugin, have changed. The earlier plugin is kept
    as plugin-HASH.py. Raises UsageError if another process is using the folder.
    """
    path = folder / CONFIG
    if not path.exists():  # removed by hand
        write_json(path, _content(config, command, device), new=True)
    with ExitStack() as claims:
        claims.enter_context(claimed(path))
        remove_temporary_files(folder)
        if (content := _updated(path, config)) is not None:
            write_json(path, content)
            claims.enter_context(claimed(path))
        if config.plugin is not None:
            _write_plugin(folder, plugins.loaded(config.plugin))
        yield


def _updated(path: Path, config: RunConfig) -> dict[str, Any] | None:
    """The content of config.json with the options of a resumed run; None if nothing has changed."""
    try:
        content: TrainingConfig = read_json(path, TrainingConfig)
    except UsageError:  # damaged: the run does not need it
        return None
    options, sources, earlier = content["options"], content.get("sources", {}), content.get("versions", {})
    values = plain({name: value for name, value in config.values().items() if name not in OF_ONE_START})
    changed = {name: value for name, value in values.items() if options.get(name) != value}
    if not changed and not plugins.has_changed(config.plugin, earlier):
        return None
    return {
        **content,
        "options": options | changed,
        "sources": sources | {name: config.sources[name] for name in changed},
        "versions": earlier | plugins.sha256_of(config.plugin),
    }


def _write_plugin(folder: Path, plugin: plugins.Plugin) -> None:
    copy = folder / "plugin.py"
    if copy.is_file() and copy.read_bytes() != plugin.content:
        os.replace(copy, folder / f"plugin-{hashlib.sha256(copy.read_bytes()).hexdigest()[:8]}.py")
    if not copy.is_file():
        write_atomically(copy, lambda temporary: temporary.write_bytes(plugin.content))


class _Begun(TypedDict):
    """The entry of config.json that `unfinished` reads."""

    command: str


class Resumption(TypedDict):
    """An entry of resumed.json, which also has further keys."""

    arguments: list[str]
    started: str


def resumptions(folder: Path) -> list[Resumption]:
    """The entries of resumed.json; empty without that file. Raises UsageError if it is damaged."""
    path = inside(folder, "resumed.json")
    return read_json(path, list[Resumption]) if path.exists() else []


def note_resumption(
    folder: Path, plugin: Path | None, command: Sequence[str], epochs: int, batches: int, device: str
) -> None:
    """Adds an entry to resumed.json: the run resumes after `epochs` epochs and `batches` batches of the next epoch."""
    start = {"arguments": list(command), "started": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    position = {"after_epochs": epochs, "after_batches": batches}
    write_json(
        folder / "resumed.json",
        [*resumptions(folder), {**start, **position, "device": device, "versions": versions(plugin)}],
    )


def _content(config: RunConfig, command: Sequence[str], device: str) -> dict[str, Any]:
    """The content of config.json."""
    return {
        "command": config.command,
        "arguments": list(command),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "device": device,
        "options": plain(config.values()),
        "sources": dict(config.sources),
        "versions": versions(config.plugin),
    }


@contextmanager
def _claim(folder: Path, config: RunConfig, command: Sequence[str], device: str) -> Iterator[Path]:
    """Context with a folder that this run has claimed: its config.json is created and locked."""
    content = _content(config, command, device)
    content["versions"] |= sha256_of_teachers(config)
    candidates = [folder]
    if config.output is None:
        candidates += [folder.with_name(f"{folder.name}_{number}") for number in range(2, 1000)]
    with ExitStack() as claims:
        for candidate in candidates:
            try:
                make_folder(candidate)
                claims.enter_context(_claimed(candidate, config, content))
                break
            except UsageError:
                if candidate is candidates[-1]:
                    raise
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                raise _cannot_write(candidate, error.strerror) from error
        yield candidate


@contextmanager
def _claimed(folder: Path, config: RunConfig, content: Mapping[str, Any]) -> Iterator[None]:
    path = folder / CONFIG
    with ExitStack() as claims:
        if path.exists():  # left by a killed run, which is now started again
            locked = claims.enter_context(claimed(path))
            _check_free(folder, config)
            if not locked:
                raise UsageError(
                    f"{folder} holds a run that may still be active: this file system has no locks to "
                    "check that.\nGive another folder, or remove this folder if its run has ended."
                )
            if config.command != "train":
                remove_files(folder, set(NAMES[config.command]) - {CONFIG})
            write_json(path, content)
        else:
            _check_free(folder, config)
            write_json(path, content, new=True)
        claims.enter_context(claimed(path))
        remove_temporary_files(folder)
        yield


def _check_free(folder: Path, config: RunConfig) -> None:
    check_free(folder, config.command, resume=isinstance(config, TrainConfig) and config.resume is not None)


def check_free(folder: Path, command: str, *, resume: bool = False) -> None:
    """Raises UsageError if the folder holds files that runs write, unless they are from a run that `command` restarts.

    An unfinished training can restart with `resume` (--resume) if it was killed before its first save. An unfinished
    test or crossplay can restart if the folder holds only files that `command` writes.
    """
    held = files_of_runs(folder)
    if not held:
        return
    begun = unfinished(folder)
    if begun == command == "train" and resume:
        held = [name for name in held if not matches(name, (name.split("/")[0] for name in FIRST_FILES))]
        if not held:
            return
    elif begun == command != "train":
        others = list(other_files(folder, NAMES[command]))
        if not others:
            return
        raise UsageError(
            f"--output {folder} holds an unfinished {begun}, and files that a {begun} does not write: "
            f"{listed(others)}.\nMove these files away to begin the {begun} again, or give another folder."
        )
    hint = ", or add --resume auto to resume the training" if begun == command == "train" and not resume else ""
    raise UsageError(
        f"--output {folder} already holds {listed(held, 10)}, and nothing is overwritten: runs write files of "
        f"{'this name' if len(held) == 1 else 'these names'}.\nGive another folder, or move such files away{hint}."
    )


def unfinished(folder: Path) -> str | None:
    """The command (train, test or crossplay) of the unfinished run in a folder; None without an unfinished run."""
    try:
        command = read_json(folder / CONFIG, _Begun)["command"]
    except UsageError:  # the file is missing, or no run has written it
        return None
    return command if command in NAMES and not (folder / "result.json").exists() else None


def _cannot_write(folder: Path, reason: str) -> UsageError:
    return UsageError(f"--output {str(folder)[:200]} cannot be written to: {reason}.\nGive another folder.")


def versions(plugin: Path | str | None = None) -> dict[str, str]:
    """The versions of this program, Python and `PACKAGES`, the git revision, and the SHA-256 of the program's code and
    of the loaded plugin."""
    return _versions() | plugins.sha256_of(plugin)


def changed_versions(before: Mapping[str, str]) -> list[str]:
    """What has changed since `versions` returned `before`, as text: "torch 2.9.0 (now 2.10.0)". Without the plugin."""
    now = {name: version for name, version in _versions().items() if before.get(name, version) != version}
    now.pop("git", None)  # a commit may change nothing that runs
    return [
        "the code of this program" if name == "code" else f"{name} {before[name]} (now {version})"
        for name, version in now.items()
    ]


def sha256_of_teachers(config: RunConfig) -> dict[str, str]:
    """The SHA-256 of each checkpoint that an option in `TEACHERS` names, by option.

    Missing files and repositories of Hugging Face are left out.

    A resumed training does not read these files again, so config.json keeps the hashes of its first start.
    """
    hashes = {}
    for name in TEACHERS:
        if (path := getattr(config, name, None)) is not None:
            files = (path, path / "model_final.pt", path / "model.safetensors")  # in the order of `checkpoint_of`
            if file := next(filter(os.path.isfile, files), None):
                hashes[name] = _sha256(file, file.stat().st_mtime_ns)
    return hashes


@functools.cache  # the jobs of a sweep often have the same teacher
def _sha256(file: Path, modified: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@functools.cache  # read only once, because later commits do not change the running program
def _versions() -> dict[str, str]:
    numbers = {"learning-to-draw": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            numbers[package] = metadata.version(package)
    numbers["git"] = _git_revision()
    numbers["code"] = _code_hash()
    return numbers


def _code_hash() -> str:
    """The SHA-256 of the modules that a training may import."""
    root, digest = Path(__file__).parents[2], hashlib.sha256()
    for path in sorted([*root.glob("*.py"), *(path for room in ROOMS for path in (root / room).rglob("*.py"))]):
        if path.name.startswith(".") or not path.is_file():  # an editor's lock
            continue
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options with paths as text and tuples as lists, for JSON and `torch.load(weights_only=True)`."""
    return {
        name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _git_revision() -> str:
    """The commit of this program, with "-dirty" if files have changed; "unknown" outside git."""
    root = Path(__file__).parents[2]
    # An installed copy may be inside another repository, whose revision is not ours and whose .git/config can name
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
