"""`commgame.py list`: the parts that can be chosen, a plugin's among them."""

from __future__ import annotations

from pathlib import Path

from games import AUXILIARY_LOSSES
from plugins import load
from trials.part_tables import PART_TABLES, option_of


def list_parts(plugin: Path | None) -> str:
    """Every part by kind, with its own options. Raises UsageError where the plugin cannot be loaded."""
    own = {name for _, name in load(plugin).parts} if plugin else set()
    lines = []
    tables = {option_of(kind): table for kind, table in PART_TABLES.items()}
    if AUXILIARY_LOSSES:
        tables["--NAME-loss"] = AUXILIARY_LOSSES
    for option, table in tables.items():
        lines += ["" if lines else None, option]
        for name, part in table.items():
            options = " ".join(action.option_strings[0] for action in part.option_actions())
            lines.append(f"  {name:<32}{f'({plugin.name}) ' if name in own else ''}{options}".rstrip())
    return "\n".join(line for line in lines if line is not None)
