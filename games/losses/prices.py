"""Prices of ink and strokes: agents learn to communicate with little ink, or with few strokes."""

from __future__ import annotations

from torch import Tensor, nn

from learning_to_draw.games.losses.config import InkPriceConfig, StrokePriceConfig
from learning_to_draw.models.agents import Agents, Play


class InkPrice(nn.Module):
    """`ink_price` times the mean ink of the sketches, over all pixels and channels.

    Ink is 0 for blank paper and the value of --contrast (1 by default) for full ink.
    """

    def __init__(self, config: InkPriceConfig, agents: Agents, **seeds: int):
        super().__init__()
        self.price, self.invert = config.ink_price, agents.invert

    def forward(self, play: Play) -> Tensor:
        level = play.sketches.mean()
        return self.price * (1 - level if self.invert else level)


class StrokePrice(nn.Module):
    """`stroke_price` times the mean number of strokes per sketch. A stroke counts as its intensity, from 0 to 1.

    If every intensity is either 0 or 1, exactly the strokes drawn are counted. A coloured stroke counts as the
    intensity of its strongest colour channel.
    """

    def __init__(self, config: StrokePriceConfig, agents: Agents, **seeds: int):
        super().__init__()
        self.price = config.stroke_price

    def forward(self, play: Play) -> Tensor:
        intensities = play.strokes.intensities
        if intensities is None:  # every stroke has intensity 1
            return self.price * play.strokes.points.new_tensor(play.strokes.points.shape[1])
        return self.price * intensities.amax(dim=2).sum(dim=1).mean()
