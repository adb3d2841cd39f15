"""Plugins: the file given with `--plugin` registers its own components, which can be chosen by name.

    from learning_to_draw.plugins import decoder

    @decoder("ZigZagDecoder", ZigZagConfig)
    class ZigZagDecoder(SinglePassDecoder):
        ...

`ZigZagConfig` is the component's configuration, a dataclass like those of the built-in components. docs/extending.md
has examples and the contract of each kind.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from learning_to_draw.components import Component, Config
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, first_line, program
from learning_to_draw.games import GAMES
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses import AUXILIARY_LOSSES, LOSSES
from learning_to_draw.games.losses.config import AuxiliaryLoss
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS
from learning_to_draw.models.decoders.config import DecoderConfig
from learning_to_draw.models.encoders.config import EncoderConfig

AnyClass = TypeVar("AnyClass", bound=type)


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin file.

    sha256: of its content, in hexadecimal. components: (kind, name) of each component that it registered.
    """

    path: Path
    sha256: str
    components: tuple[tuple[str, str], ...]


# The table of each kind, and the class that its configurations derive from.
TABLES: dict[str, tuple[dict, type[Config]]] = {
    "encoder": (ENCODERS, EncoderConfig),
    "decoder": (DECODERS, DecoderConfig),
    "receiver": (RECEIVERS, Config),
    "loss": (LOSSES, Config),
    "auxiliary_loss": (AUXILIARY_LOSSES, Config),
    "game": (GAMES, GameConfig),
    "dataset": (DATASETS, Config),
}
# Reserved names that are not in the tables.
RESERVED = {
    "game": ("original",),
    "auxiliary_loss": (
        *("game", "sort_of_perceptual", "like_a_dog"),
        "running",  # running_loss is a column of the log
    ),
}
# Imports and methods of earlier versions.
OLD = re.compile(
    rb"^\s*(from|import) plugins\b|learning_to_draw\.(models|datasets)\.options\b|def add_options\(", re.MULTILINE
)
DATACLASS = "@dataclass(frozen=True, kw_only=True)"
_loaded: dict[Path, Plugin] = {}
_registered: list[tuple[str, str]] = []


def _decorator(kind: str) -> Callable[..., Callable[[AnyClass], AnyClass]]:
    table, base = TABLES[kind]

    def decorator(name: str, config: type[Config] = base) -> Callable[[AnyClass], AnyClass]:
        def register(cls: AnyClass) -> AnyClass:
            if problem := _problem(kind, name, config, cls):
                raise UsageError(f"@{kind}({name!r}): {problem}.")
            if kind == "auxiliary_loss":
                table[name] = AuxiliaryLoss(config, cls, switch=f"{name}_loss", title=f"the loss {name}")
            else:
                table[name] = Component(config, cls)
            _registered.append((kind, name))
            return cls

        if not isinstance(name, str):  # the class itself: @decoder without parentheses
            raise UsageError(f"@{kind} needs the name of the component.\nWrite @{kind}({name.__name__!r}).")
        return register

    decorator.__doc__ = f"""Registers a class as a component of the kind {kind}, with the given name.

    config: the class of its configuration, a frozen dataclass derived from {base.__name__}; left out: {base.__name__}
    itself. Raises UsageError if the name is taken, or the configuration is not valid.
    """
    return decorator


def _problem(kind: str, name: str, config: type[Config], cls: type) -> str | None:
    """Why a component cannot be registered, with the fix; None if it can."""
    table, base = TABLES[kind]
    if not re.fullmatch(r"\w[\w.+-]*", name):
        return "a name has only letters, digits, _, -, + and dots, and begins with a letter, a digit or _"
    if kind == "auxiliary_loss" and (not name.isidentifier() or name.startswith(("val_", "test_"))):
        return (
            "it becomes an option and a column of the log.\nChoose a Python identifier without val_ or test_ before it"
        )
    if name in table or name in RESERVED.get(kind, ()):
        return "the name is taken.\nChoose another one"
    if not isinstance(cls, type):
        return "it has to stand before a class"
    if kind == "game" and not hasattr(cls, "kind"):
        return f"its class needs an attribute, kind = {name!r}, the game's name in logs"
    if not (isinstance(config, type) and issubclass(config, base)):
        return f"its configuration has to be a class derived from {base.__name__}"
    for parent in config.__mro__:
        if issubclass(parent, Config) and "__dataclass_fields__" not in vars(parent):
            return f"its configuration is not a dataclass.\nPut {DATACLASS} before class {parent.__name__}"
    for item in dataclasses.fields(config):
        if "option" not in item.metadata:
            return f'{item.name} is not an option.\nWrite {item.name}: int = option(8, "what it is", type=positive_int)'
        if any(not further.startswith("--") for further in item.metadata["option"].names):
            return f"the further names of its option {item.name} have to begin with --"
    try:
        config()
    except UsageError as error:
        return f"one of its defaults is not valid: {str(error).rstrip('.')}"
    return None


encoder = _decorator("encoder")
decoder = _decorator("decoder")
receiver = _decorator("receiver")
loss = _decorator("loss")
auxiliary_loss = _decorator("auxiliary_loss")
game = _decorator("game")
dataset = _decorator("dataset")


def load(file: Path) -> Plugin:
    """Runs a file, which registers its components. A file that has already been loaded is not run again.

    Raises UsageError if the file cannot be run, or registers nothing, or if a component is not valid.
    """
    path = file.absolute()
    if path in _loaded:
        return _loaded[path]
    first, module_name = len(_registered), f"plugin_{path.stem}"
    try:
        if not path.is_file():
            raise UsageError("there is no such file.\nGive the path of a Python file")
        content = path.read_bytes()
        if OLD.search(content):
            raise UsageError("it is written for an earlier version of this program.\nSee docs/extending.md")
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None:
            raise UsageError("its name has to end with .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # dataclasses look up the names in annotations there
        spec.loader.exec_module(module)
        if len(_registered) == first:
            raise UsageError("it registers no component.\nPut a decorator such as @decoder(NAME) before a class")
    except (Exception, SystemExit) as error:
        _forget(first)
        known = isinstance(error, UsageError)
        problem = str(error).rstrip(".") if known else f"{type(error).__name__}: {first_line(error)}"
        where = f", line {line}" if (line := _line_in(path, error)) else ""
        raise UsageError(f"--plugin {file}{where}: {problem}.") from error
    _loaded[path] = Plugin(path, hashlib.sha256(content).hexdigest(), tuple(_registered[first:]))
    return _loaded[path]


def _forget(first: int) -> None:
    """Unregisters the components from index `first` on, of a file that failed."""
    for kind, name in _registered[first:]:
        del TABLES[kind][0][name]
    del _registered[first:]


def _line_in(path: Path, error: BaseException) -> int | None:
    """The line of the innermost frame of the error's traceback that is in this file; None if no frame is."""
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


def reload_plugin(given: str | None, options: Mapping[str, object], versions: Mapping[str, str], of: str) -> None:
    """Loads the plugin `given` on the command line, or else the plugin of the run to resume or test, if it has one.

    options, versions: of that run, as saved. of: the run's name in messages. Raises UsageError if the run's file is
    missing or has changed.
    """
    if given is not None:
        load(Path(given))
    elif remembered := options.get("plugin"):
        file = Path(str(remembered))
        problem = None if file.is_file() else "does not exist any more"
        if not problem and hashlib.sha256(file.read_bytes()).hexdigest() != versions.get("plugin"):
            problem = "has changed since"
        if problem:
            raise UsageError(
                f"{of} was made with --plugin {file}, which {problem}.\n"
                "Choose a file with --plugin FILE. The folder of a run has the original as plugin.py."
            )
        load(file)


def sha256_of(file: Path | str | None) -> dict[str, str]:
    """The entry for a run's `versions`: {"plugin": SHA-256 of the file}; empty without a plugin. Loads the file."""
    return {} if file is None else {"plugin": load(Path(file)).sha256}
