"""Agents that learn to communicate by drawing: `learning_to_draw.rasteriser`, `.models`, `.games`, `.datasets`, ...

`learning_to_draw.load` loads a trained pair of agents: see docs/api.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learning_to_draw.trials.pair import load as load

__version__ = "0.1.0"

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # not above: it imports torch
        from learning_to_draw.trials.pair import load

        return load
    raise AttributeError(f"module 'learning_to_draw' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "load"]
