"""Lists the options of all commands and components, and explains an option that a run does not have. No torch here."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence

from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.config.run import (
    COMMAND_OPTIONS,
    FIRST_OPTIONS,
    LAST_OPTIONS,
    LOSS_OPTIONS,
    add_auxiliary_losses,
)
from learning_to_draw.trials.config.tables import NAMES, PART_TABLES, option_of


def check_names(command: str, arguments: Sequence[str]) -> None:
    """Raises UsageError for an option that no component of this command has. Reads no file and does not load torch."""
    known = [name for owner, name in names_everywhere() if owner[0] != "command" or owner[1] == command]
    for word in arguments:
        name = word.split("=", 1)[0]
        if name.startswith("--") and len(name) > 2 and not any(other.startswith(name) for other in known):
            raise UsageError(explain_unknown(name, command, {}))


def names_everywhere() -> list[tuple[tuple[str, str], str]]:
    """((kind, component), option) of every option; options common to all runs have the kind ""."""
    names = []
    for kind, table in PART_TABLES.items():
        for name, part in table.items():
            names += [((kind, name), option) for action in part.option_actions() for option in action.option_strings]
    shared = argparse.ArgumentParser()
    for groups in (FIRST_OPTIONS, LOSS_OPTIONS, LAST_OPTIONS):
        for add_options in groups.values():
            add_options(shared)
    add_auxiliary_losses(shared)
    names += [(("", ""), option) for action in shared._actions for option in action.option_strings]
    for command, add_options in COMMAND_OPTIONS.items():
        own = argparse.ArgumentParser(add_help=False)
        add_options(own)
        names += [(("command", command), option) for action in own._actions for option in action.option_strings]
    return names


def explain_unknown(word: str, command: str, chosen: Mapping[str, str]) -> str:
    """The error message for an option (or a stray word) that this run does not have."""
    name = word.split("=", 1)[0]
    owners = [owner for owner, option in names_everywhere() if option == name]
    if not name.startswith("-"):
        return f"{word!r} is not an option: every option begins with --.\nSee {program()} {command} --help."
    if owners and owners[0][0] == "command":
        return f"{name} belongs to the command {owners[0][1]!r}, not to {command!r}.\nLeave it out."
    if owners:
        kind = owners[0][0]
        parts = ", ".join(part for _, part in owners[:5]) + (
            f" and {len(owners) - 5} others" if len(owners) > 5 else ""
        )
        return (
            f"{name} belongs to the {NAMES.get(kind, kind)} {parts}, but this run has {chosen[kind]}.\n"
            f"Leave it out, or choose {option_of(kind)} {owners[0][1]}."
        )
    names = [option for _, option in names_everywhere()]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"there is no option {name}.\n{hint}See {program()} {command} --help."
