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
TAKEN = {
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
_loaded: dict[Path, Plugin] = {}
_registered: list[tuple[str, str]] = []


def _decorator(kind: str) -> Callable[..., Callable[[AnyClass], AnyClass]]:
    (table, base), words = TABLES[kind], kind.replace("_", " ")

    def decorator(name: str, config: type[Config] = base) -> Callable[[AnyClass], AnyClass]:
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
            if kind == "game" and not hasattr(cls, "kind"):
                raise UsageError(f"the game {name} has no name to be logged.\nWrite kind = {name!r} in its class.")
            _check_config(f"the {words} {name}", config, base)
            if kind == "auxiliary_loss":
                table[name] = AuxiliaryLoss(config, cls, switch=f"{name}_loss", title=f"the loss {name}")
            else:
                table[name] = Component(config, cls)
            _registered.append((kind, name))
            return cls

        return register

    decorator.__doc__ = f"""Registers a class as a {words} with the given name.

    config: the class of its configuration, a frozen dataclass derived from {base.__name__}; left out: {base.__name__}
    itself. Raises UsageError if the name is taken, or the configuration is not valid.
    """
    return decorator


def _check_config(component: str, config: type[Config], base: type[Config]) -> None:
    """Raises UsageError if `config` is not a configuration with valid options that derives from `base`."""
    dataclass_line = "@dataclass(frozen=True, kw_only=True)"
    if not (isinstance(config, type) and issubclass(config, base)):
        raise UsageError(
            f"the configuration of {component} does not derive from {base.__name__}.\n"
            f"Write class MyConfig({base.__name__}), with {dataclass_line} before it."
        )
    for cls in config.__mro__:
        if issubclass(cls, Config) and "__dataclass_fields__" not in vars(cls):
            raise UsageError(
                f"the configuration of {component} is not a dataclass.\nPut {dataclass_line} before {cls.__name__}."
            )
    for item in dataclasses.fields(config):
        if "option" not in item.metadata:
            raise UsageError(
                f"{item.name} in the configuration of {component} is not an option.\n"
                f'Write {item.name}: int = option(8, "what it is", type=positive_int), or as fits.'
            )
        for further in item.metadata["option"].names:
            if not further.startswith("--"):
                raise UsageError(
                    f"{component} has an option {further}, which does not begin with --.\nGive it a name that does."
                )
    try:
        config()
    except UsageError as error:
        raise UsageError(f"{component} has a default that its option does not accept: {error}") from error


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
    if OLD.search(content):
        raise UsageError(
            f"--plugin {file} is written for an earlier version of this program.\n"
            "Import from learning_to_draw, and declare the options of a component in a configuration, as in "
            "docs/extending.md."
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
    except UsageError as error:
        _forget(first)
        raise UsageError(f"--plugin {file}: {error}") from error
    except (Exception, SystemExit) as error:
        _forget(first)
        where = f", line {line}" if (line := _line_in(path, error)) else ""
        raise UsageError(
            f"--plugin {file}{where}: {type(error).__name__}: {first_line(error)}.\nFix the file and try again."
        ) from error
    components = tuple(_registered[first:])
    if not components:
        raise UsageError(
            f"--plugin {file} registers nothing.\nPut a decorator such as @decoder(NAME) before one of its classes."
        )
    _loaded[path] = Plugin(path, hashlib.sha256(content).hexdigest(), components)
    return _loaded[path]


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


def _forget(first: int) -> None:
    """Unregisters the components from index `first` on, of a file that failed."""
    for kind, name in _registered[first:]:
        del TABLES[kind][0][name]
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
