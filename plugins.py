"""Plugins: the file given with `--plugin` registers its own components, which can be chosen by name.

    from learning_to_draw.plugins import decoder

    @decoder("ZigZagDecoder")
    class ZigZagDecoder(SinglePassDecoder):
        ...

A component may have a static method `add_options(group)`, which declares its options on an argparse group; their
destinations are arguments of its constructor. docs/extending.md has examples and the contract of each kind.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from learning_to_draw.components import Component
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, first_line, program
from learning_to_draw.games import AUXILIARY_LOSSES, GAMES, LOSSES
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS

AnyClass = TypeVar("AnyClass", bound=type)


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin file. sha256: of its content, in hexadecimal. parts: (kind, name) of each component."""

    path: Path
    sha256: str
    parts: tuple[tuple[str, str], ...]


TABLES = {
    "encoder": ENCODERS,
    "decoder": DECODERS,
    "receiver": RECEIVERS,
    "loss": LOSSES,
    "auxiliary_loss": AUXILIARY_LOSSES,
    "game": GAMES,
    "dataset": DATASETS,
}
# Reserved names that are not in the tables.
TAKEN = {
    "game": ("original",),
    "auxiliary_loss": (
        *("game", "perceptual", "sort_of_perceptual", "dog", "like_a_dog", "CLIP", "reconstruct"),
        "running",  # running_loss is a column of the log
    ),
}
_loaded: dict[Path, Plugin] = {}
_registered: list[tuple[str, str]] = []


def _decorator(kind: str) -> Callable[[str], Callable[[AnyClass], AnyClass]]:
    table, words = TABLES[kind], kind.replace("_", " ")

    def decorator(name: str) -> Callable[[AnyClass], AnyClass]:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.+-]*", name):
            raise UsageError(
                f"@{kind} has {getattr(name, '__name__', repr(name))}, which is not a valid name.\n"
                f'Write @{kind}("MyName"), with letters, digits, _, -, + and dots.'
            )

        def register(cls: AnyClass) -> AnyClass:
            if not isinstance(cls, type):
                raise UsageError(f"the {words} {name} is not a class.\nPut @{kind}({name!r}) before a class.")
            if name in table or name in TAKEN.get(kind, ()):
                raise UsageError(f"the {words} {name} already exists.\nChoose another name.")
            columns = name.isidentifier() and not name.startswith(("val_", "test_"))
            if kind == "auxiliary_loss" and not columns:
                raise UsageError(
                    f"{words} {name!r} is not valid as the name of an option and a column.\nChoose one like ink."
                )
            table[name] = Component(cls.__module__, cls, getattr(cls, "add_options", lambda group: None))
            _registered.append((kind, name))
            return cls

        return register

    decorator.__doc__ = f"Registers a class as a {words} with the given name. Raises UsageError if the name is taken."
    return decorator


encoder = _decorator("encoder")
decoder = _decorator("decoder")
receiver = _decorator("receiver")
loss = _decorator("loss")
auxiliary_loss = _decorator("auxiliary_loss")
game = _decorator("game")
dataset = _decorator("dataset")


def load(file: Path) -> Plugin:
    """Runs a file, which registers its components. A file that has already been loaded is not run again.

    Raises UsageError if the file cannot be run, registers nothing, or uses a name that is taken.
    """
    path = file.absolute()
    if path in _loaded:
        return _loaded[path]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--plugin {file} cannot be read: {error.strerror}.\nGive a Python file.") from error
    if re.search(rb"^\s*(from|import) plugins\b", content, re.MULTILINE):
        raise UsageError(
            f"--plugin {file} imports plugins, which is learning_to_draw.plugins.\n"
            "Write learning_to_draw. before the names of its modules, as in docs/extending.md."
        )
    first = len(_registered)
    module_name = f"plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None:
        raise UsageError(f"--plugin {file} is not a Python file.\nGive a file whose name ends with .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look up the names in annotations there
    try:
        spec.loader.exec_module(module)
        for kind, name in _registered[first:]:
            _check_options(kind, name)
    except UsageError as error:
        _forget(first)
        raise UsageError(f"--plugin {file}: {error}") from error
    except (Exception, SystemExit) as error:
        _forget(first)
        where = f", line {line}" if (line := _line_in(path, error)) else ""
        raise UsageError(
            f"--plugin {file}{where}: {type(error).__name__}: {first_line(error)}.\nFix the file and try again."
        ) from error
    parts = tuple(_registered[first:])
    if not parts:
        raise UsageError(
            f"--plugin {file} registers nothing.\nPut a decorator such as @decoder(NAME) before one of its classes."
        )
    _loaded[path] = Plugin(path, hashlib.sha256(content).hexdigest(), parts)
    return _loaded[path]


def _check_options(kind: str, name: str) -> None:
    """Raises UsageError for options that are not valid on a command line. The file's own errors pass through."""
    for action in TABLES[kind][name].option_actions():
        own = f"the {kind.replace('_', ' ')} {name} has an option {(action.option_strings or [action.dest])[-1]}"
        if not any(option.startswith("--") for option in action.option_strings):
            raise UsageError(f"{own}, which does not begin with --.\nGive it a name that does.")
        try:
            (action.help or "") % {**vars(action), "prog": ""}  # the way argparse formats it
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{own}, whose help cannot be shown ({error}).\nWrite %% for a percent sign.") from error


def _line_in(path: Path, error: BaseException) -> int | None:
    """The last line of a file in the error's traceback; None if the file is not in it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def advice_for_plugin_error(error: Exception) -> str | None:
    """The message for an unexpected error if a plugin is loaded, with the line in its file; otherwise None."""
    if not _loaded:
        return None
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    for path in _loaded:
        if (line := _line_in(path, error)) and last.filename != str(path):
            where = f"{path.name}, line {line}; {where}"
    names = " and ".join(path.name for path in _loaded)
    return (
        f"{type(error).__name__}: {first_line(error)} ({where})\n"
        f"A component of {names} may break its contract: run {program()} check FILE.\n"
        "python -X dev shows the full traceback."
    )


def _forget(first: int) -> None:
    """Unregisters the components from index `first` on, of a file that failed."""
    for kind, name in _registered[first:]:
        del TABLES[kind][name]
    del _registered[first:]


def reload_plugin(given: str | None, options: Mapping[str, object], versions: Mapping[str, str], of: str) -> None:
    """Loads the plugin `given` on the command line, or else that of the run to resume or test, if it has one.

    options, versions: of that run. of: the run's name in messages. Raises UsageError if its file is missing or has
    changed.
    """
    if given is not None:
        load(Path(given))
        return
    if not (remembered := options.get("plugin")):
        return
    file = Path(str(remembered))
    advice = "the run's folder has the original as plugin.py.\nGive either file with --plugin FILE."
    if not file.is_file():
        raise UsageError(f"{of} was made with --plugin {file}, which does not exist any more; {advice}")
    if hashlib.sha256(file.read_bytes()).hexdigest() != versions.get("plugin"):
        raise UsageError(f"{of} was made with --plugin {file}, which has changed since; {advice}")
    load(file)


def sha256_of(file: Path | str | None) -> dict[str, str]:
    """{"plugin": hash of the loaded file}, for `versions`; empty without a plugin."""
    return {} if file is None else {"plugin": load(Path(file)).sha256}
