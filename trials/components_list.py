"""`commgame.py list`: the components that can be chosen, including those of a plugin, and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from learning_to_draw.components import Component, flag_of, options_of
from learning_to_draw.games.losses import AUXILIARY_LOSSES
from learning_to_draw.games.losses.config import AuxiliaryLoss
from learning_to_draw.plugins import TABLES, load
from learning_to_draw.trials.config.presets import preset_names, read_preset
from learning_to_draw.trials.config.run import KINDS


def list_components(plugin: Path | None) -> str:
    """A text with one line per component: its name and its options, grouped by kind; then the presets.

    plugin: a file whose components are included, each marked with the file's name. Raises UsageError if it fails to
    load.
    """
    own = {(id(TABLES[kind][0]), name) for kind, name in load(plugin).components} if plugin else set()
    tables: dict[str, Mapping[str, Component]] = {flag_of(kind): kinds.table for kind, kinds in KINDS.items()}
    tables["auxiliary losses"] = AUXILIARY_LOSSES
    lines = []
    for heading, table in tables.items():
        lines += [*([""] if lines else []), heading]
        for name, component in table.items():
            switch = [component.switch] if isinstance(component, AuxiliaryLoss) else []
            options = " ".join(map(flag_of, [*switch, *options_of(component.config)]))
            marker = f"({plugin.name}) " if plugin and (id(table), name) in own else ""
            lines.append(f"  {name:<32}{marker}{options}".rstrip())
    lines += ["", "--preset"]
    for preset in map(read_preset, preset_names()):
        lines += [f"  {preset.name:<32}{preset.description}"]
        lines += [
            f"  {'':<32}{label}: {text}" for label, text in (("time", preset.time), ("rate", preset.rate)) if text
        ]
    return "\n".join(lines)
