"""`commgame.py list`: the components that can be chosen, including those of a plugin."""

from __future__ import annotations

from pathlib import Path

from learning_to_draw.games import AUXILIARY_LOSSES
from learning_to_draw.plugins import load
from learning_to_draw.trials.config.tables import OPTION_OF_KIND, PART_TABLES, option_of


def list_parts(plugin: Path | None) -> str:
    """A text with one line per component, by kind, with its options. Raises UsageError if the plugin fails to load."""
    own = {(OPTION_OF_KIND.get(kind, kind), name) for kind, name in load(plugin).parts} if plugin else set()
    lines = []
    tables = {**PART_TABLES, **({"auxiliary_loss": AUXILIARY_LOSSES} if AUXILIARY_LOSSES else {})}
    for kind, table in tables.items():
        lines += ["" if lines else None, "--NAME-loss" if kind == "auxiliary_loss" else option_of(kind)]
        for name, part in table.items():
            options = " ".join(action.option_strings[0] for action in part.option_actions())
            lines.append(f"  {name:<32}{f'({plugin.name}) ' if (kind, name) in own else ''}{options}".rstrip())
    return "\n".join(line for line in lines if line is not None)
