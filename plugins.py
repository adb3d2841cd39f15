"""Plugins: the file given with `--plugin` registers its own components, which can be chosen by name.

    from learning_to_draw.plugins import decoder

    @decoder("ZigZagDecoder", ZigZagConfig)
    class ZigZagDecoder(SinglePassDecoder):
        ...

`ZigZagConfig` is the component's configuration, a dataclass like those of the built-in components. docs/extending.md
has examples and the contract of each kind of component.

A plugin is code. It runs only if the user gives the file in this command, or has given a file with the same content on
this machine before: `allowed_plugins` remembers the hashes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import linecache
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from learning_to_draw.allowed_plugins import allow, is_allowed
from learning_to_draw.components import Component, Config
from learning_to_draw.console import import_torch
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
    """A plugin file.

    content: the bytes of the file. components: (kind, name) of each component that it registered when it was run.
    """

    path: Path
    content: bytes = field(repr=False)
    components: tuple[tuple[str, str], ...] = ()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


AGENTS: dict[str, Component] = {}  # how the pairs of a population are built
PARTNERS: dict[str, Component] = {}  # who meets whom in a population; see --partners for the built-in patterns
CALLBACKS: dict[str, Component] = {}  # torchbearer callbacks of a training
# kind -> (table of components, base class of their configurations).
TABLES: dict[str, tuple[dict, type[Config]]] = {
    "encoder": (ENCODERS, EncoderConfig),
    "decoder": (DECODERS, DecoderConfig),
    "receiver": (RECEIVERS, Config),
    "loss": (LOSSES, Config),
    "auxiliary_loss": (AUXILIARY_LOSSES, Config),
    "game": (GAMES, GameConfig),
    "dataset": (DATASETS, Config),
    "agents": (AGENTS, Config),
    "partners": (PARTNERS, Config),
    "callback": (CALLBACKS, Config),
}
WITHOUT_OPTIONS = ("agents", "partners", "callback")
# Reserved names that are not in the tables.
RESERVED = {
    "game": ("original",),
    "auxiliary_loss": (
        *("game", "sort_of_perceptual", "like_a_dog"),
        "running",  # running_loss is a column of the log
    ),
    "partners": ("random", "ring", "fixed"),
}
# Imports and methods of plugins written for earlier versions.
OLD = re.compile(
    rb"^\s*(from|import) plugins\b|learning_to_draw\.(models|datasets)\.options\b|def add_options\(", re.MULTILINE
)
DATACLASS = "@dataclass(frozen=True, kw_only=True)"
LARGEST = 2**24  # bytes of a plugin file; a stranger's checkpoint can name any file of this machine, of any size
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
            if (kind, name) not in _registered:
                _registered.append((kind, name))
            return cls

        if not isinstance(name, str):  # most likely the class itself: @decoder without parentheses
            example = getattr(name, "__name__", "MyName")
            raise UsageError(f"@{kind} needs the name of the component.\nWrite @{kind}({example!r}).")
        return register

    decorator.__doc__ = f"""Registers a class as a component of the kind {kind}, with the given name.

    config: the class of its configuration, a frozen dataclass derived from {base.__name__}; by default
    {base.__name__} itself. Raises UsageError if the name is taken or not valid, or if the configuration is not valid.
    """
    return decorator


def _problem(kind: str, name: str, config: type[Config], cls: type) -> str | None:
    """The reason why a component cannot be registered, with the fix; None if it can."""
    table, base = TABLES[kind]
    if not re.fullmatch(r"\w[\w.+-]*", name):
        return "the name may contain only letters, digits, _, -, + and dots, and must begin with a letter, a digit or _"
    if kind == "auxiliary_loss" and (not name.isidentifier() or name.startswith(("val_", "test_"))):
        return (
            "the name becomes an option and a column of the log.\n"
            "Choose a Python identifier that does not begin with val_ or test_"
        )
    if name in RESERVED.get(kind, ()) or (name in table and not _is_edited(table[name].target, cls)):
        return "the name is taken.\nChoose another one"
    if not isinstance(cls, type):
        return "the decorator has to stand before a class"
    if kind == "game" and not hasattr(cls, "kind"):
        return f"its class needs an attribute, kind = {name!r}, the game's name in logs"
    if not (isinstance(config, type) and issubclass(config, base)):
        return f"its configuration has to be a class derived from {base.__name__}"
    if kind in WITHOUT_OPTIONS and config is not base:
        return f"a component of the kind {kind} has no options.\nLeave out its configuration"
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
agents = _decorator("agents")
partners = _decorator("partners")
callback = _decorator("callback")


def _is_edited(registered: str | type, cls: type) -> bool:
    """Whether `cls` is a new version of the registered class: a cell of a notebook was edited and run again."""
    main = isinstance(registered, type) and registered.__module__ == cls.__module__ == "__main__"
    return main and registered.__qualname__ == cls.__qualname__


def load(file: Path, *, edited: bool = False) -> Plugin:
    """Runs a plugin file that the user has given, and adds its hash to the list of allowed plugins.

    Running the file registers its components. A loaded file is not run again, unless `edited` is True and its content
    has changed; its components are then replaced. Raises UsageError if the file cannot be run, registers no component,
    or registers a component that is not valid.
    """
    path = file.absolute()
    if edited and path in _loaded and path.is_file() and path.read_bytes() != _loaded[path].content:
        _unregister(_loaded.pop(path).components)
    if path not in _loaded:
        try:
            content = _read(path)
        except UsageError as error:
            raise UsageError(f"--plugin {file}: {error}.") from error
        allow(_run(file, content).sha256, path)
    return _loaded[path]


def loaded(file: Path) -> Plugin:
    """The plugin that was loaded from `file`. Raises UsageError if the file has not been loaded."""
    if (plugin := _loaded.get(file.absolute())) is None:
        raise UsageError(f"--plugin {file} has not been loaded.\nPass plugin=FILE to configure() or configure_test().")
    return plugin


def _read(path: Path) -> bytes:
    """The content of a plugin file. Raises UsageError if the file cannot be a plugin; the message does not name it."""
    if not os.path.isfile(path):  # unlike Path.is_file, never raises
        raise UsageError("there is no such file.\nGive the path of a Python file")
    if path.suffix != ".py":
        raise UsageError("its name has to end with .py")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"it cannot be read ({error.strerror})") from error
    if len(content) > LARGEST:
        raise UsageError(f"it has more than {LARGEST // 2**20} MiB")
    return content


def _run(file: Path, content: bytes) -> Plugin:
    """Runs `content`, the content of `file`. If that fails, unregisters its components and raises UsageError."""
    path, first = file.absolute(), len(_registered)
    module = ModuleType(f"plugin {path}")  # no importable module has such a name
    module.__file__ = str(path)
    try:
        if OLD.search(content):
            raise UsageError("it was written for an earlier version of this program.\nAdapt it: see docs/extending.md")
        # Not through importlib: it would read the file again, or run a .pyc file from a folder __pycache__ next to it.
        code = compile(content, str(path), "exec", dont_inherit=True)
        # So that tracebacks show the lines that were run, even if the file changes afterwards.
        lines = io.StringIO(decode_source(content)).readlines()
        linecache.cache[str(path)] = (len(content), None, lines, str(path))
        import_torch()
        sys.modules[module.__name__] = module  # dataclasses look up the names in annotations there
        exec(code, vars(module))
        if len(_registered) == first:
            raise UsageError("it registers no component.\nPut a decorator such as @decoder(NAME) before a class")
    except (Exception, SystemExit) as error:
        _unregister(_registered[first:])  # a copy of the list's end
        sys.modules.pop(module.__name__, None)
        known = isinstance(error, UsageError)
        problem = str(error).rstrip(".") if known else f"{type(error).__name__}: {first_line(error).rstrip('.')}"
        where = f", line {line}" if (line := line_in(path, error)) else ""
        raise UsageError(f"--plugin {file}{where}: {problem}.") from error
    _loaded[path] = Plugin(path, content, tuple(_registered[first:]))
    return _loaded[path]


def _unregister(components: Sequence[tuple[str, str]]) -> None:
    """Removes these components, (kind, name) each: those of a file that failed, or that was edited."""
    for kind, name in components:
        del TABLES[kind][0][name]
        _registered.remove((kind, name))


def line_in(path: Path, error: BaseException) -> int | None:
    """The line number of the traceback's innermost frame that is in the file `path`; None if no frame is in it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def advice_for_plugin_error(error: Exception) -> str | None:
    """The message for an unexpected error, with the line in the plugin's file; None if no plugin is loaded."""
    if not _loaded:
        return None
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    for path in _loaded:
        if (line := line_in(path, error)) and last.filename != str(path):
            where = f"{path.name}, line {line}; {where}"
    names = " and ".join(path.name for path in _loaded)
    return (
        f"{type(error).__name__}: {first_line(error)} ({where})\n"
        f"A component of {names} may break its contract: run {program()} check FILE.\n"
        "python -X dev shows the full traceback."
    )


def reload_plugin(
    given: Path | str | None, options: Mapping[str, object], versions: Mapping[str, str], of: str
) -> None:
    """Loads the plugin file `given` by the user. If `given` is None, loads the plugin that a saved run used, if any.

    options, versions: those saved by the run. of: the run's name in messages. The run may come from somebody else, so
    its plugin is loaded only if the user has run a file with the same content before. Raises UsageError if the user has
    not, or if the run's plugin file is missing or has changed.
    """
    if given is not None:
        load(Path(given))
        return
    if not (recorded := options.get("plugin")):
        return
    file = Path(str(recorded))
    here = _loaded.get(file.absolute())
    try:
        plugin = here or Plugin(file.absolute(), _read(file))
        problem = None if versions.get("plugin") == plugin.sha256 else "has changed since"
    except UsageError as error:
        problem = f"cannot be loaded: {error}" if os.path.isfile(file) else "does not exist any more"
    if problem:
        raise UsageError(
            f"{of} was made with --plugin {file}, which {problem}.\n"
            "Choose a file with --plugin FILE. The run's folder has a copy of the original as plugin.py."
        )
    if here is None:
        if not is_allowed(plugin.sha256):
            raise _not_allowed(of, file)
        _run(file, plugin.content)


def _not_allowed(of: str, file: Path) -> UsageError:
    word = shlex.quote(str(file))
    return UsageError(
        f"{of} needs the plugin {file}. A plugin is code, and you have not run this one on this machine before.\n"
        "It has not been run. Read the file first: a program can do everything that you can do.\n"
        f"Then allow the plugin: add --plugin {word} to this command,\n"
        f"or run {program()} list --plugin {word}"
    )


def has_changed(file: Path | str | None, versions: Mapping[str, str]) -> bool:
    """Whether the loaded plugin is not the one of a run with these `versions`; also if only one of the two exists."""
    return sha256_of(file).get("plugin") != versions.get("plugin")


def sha256_of(file: Path | str | None) -> dict[str, str]:
    """The entry for a run's `versions`: {"plugin": SHA-256 of the loaded file}; empty without a plugin."""
    return {} if file is None else {"plugin": loaded(Path(file)).sha256}
