"""Imports optional packages, which only some options need."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from learning_to_draw.errors import UsageError, first_line


def import_optional(module: str, needed_by: str, package: str) -> ModuleType:
    """Imports and returns a module of an optional package.

    needed_by: the option or component that needs it, for messages. package: the package's name for pip. Raises
    UsageError if the package is not installed or cannot be imported.
    """
    root = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(root)
    except ModuleNotFoundError:  # some finders raise this instead of returning None
        spec = None
    if spec is None or spec.origin is None:  # without an origin it is only a folder of this name
        raise UsageError(
            f"{needed_by} needs the package {package}, which is not installed in this Python ({sys.executable}).\n"
            f"Install it: python -m pip install {package}"
        )
    try:
        return importlib.import_module(module)
    except Exception as error:  # a package that is incompatible with others can raise anything
        raise UsageError(
            f"{needed_by} needs the package {package}, which is installed but cannot be imported: "
            f"{first_line(error)}\n"
            f"Install it again: python -m pip install --force-reinstall {package}"
        ) from error
