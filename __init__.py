"""Agents that learn to communicate by drawing: `learning_to_draw.rasteriser`, `.models`, `.games`, `.datasets`, ..."""

__version__ = "0.1.0"

__all__ = ["__version__"]
