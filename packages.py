"""Imports the optional packages: those that only some options need."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from learning_to_draw.errors import UsageError, first_line


def import_optional(module: str, needed_by: str, package: str) -> ModuleType:
    """The imported module of an optional package.

    needed_by: what the user asked for, as an option or a name. package: its name for pip. Raises UsageError if the
    package is not installed, or is installed and cannot be imported.
    """
    root = module.partition(".")[0]
    imported, problem, absent = None, "", False
    try:
        importlib.import_module(root)
        imported = importlib.import_module(module)
    except Exception as error:  # a package that does not fit the others raises almost anything
        problem, absent = first_line(error), isinstance(error, ModuleNotFoundError) and error.name == root
    # An empty folder of this name can be imported as well: a package without a file.
    if absent or (root in sys.modules and getattr(sys.modules[root], "__file__", "") is None):
        raise UsageError(
            f"{needed_by} needs the package {package}, which is not installed in this Python ({sys.executable}).\n"
            f"Install it: python -m pip install {package}"
        )
    if imported is None:
        raise UsageError(
            f"{needed_by} needs the package {package}, which is installed and cannot be imported: {problem[:200]}\n"
            f"Install it again: python -m pip install --force-reinstall {package}"
        )
    return imported
