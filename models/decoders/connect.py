"""Decoders that connect points: an MLP gives the points and the strength of every connection."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

import torch
from torch import Tensor, nn

from learning_to_draw.models.decoders.base import MLPDecoder, Strokes, hidden_layers, point_layers, straight_through
from learning_to_draw.models.decoders.config import ConnectConfig
from learning_to_draw.models.decoders.single_pass import require_points


class ConnectDecoder(MLPDecoder):
    """One stroke for every pair of points; its intensity in 0..1 is the strength of the connection.

    Pairs are in lexicographic order. With `allow_points`, they include each point with itself.
    """

    values_per_point = 1
    pairs: Tensor  # int64 [2, pairs], the points of every connection

    def __init__(self, config: ConnectConfig = ConnectConfig(), *, latent_size: int, **context):
        """context: as in `Decoder`."""
        super().__init__(config, latent_size=latent_size, **context)
        require_points(config.npoints, 1 if config.allow_points else 2, "a connection")
        choose = combinations_with_replacement if config.allow_points else combinations
        self.register_buffer("pairs", torch.tensor(list(choose(range(config.npoints), 2))).T, persistent=False)
        self.hard = config.hard
        self.enc1 = nn.Sequential(*hidden_layers(latent_size, config))
        self.enc_pts = nn.Sequential(*point_layers(config.npoints * self.values_per_point, config))
        self.enc_con = nn.Sequential(nn.Linear(config.decoder_hidden2, self.pairs.shape[1]), nn.Sigmoid())
        self.add_heads(config, latent_size, self.pairs.shape[1])

    def forward(self, latent: Tensor) -> Strokes:
        hidden = self.enc1(latent)
        points = self.enc_pts(hidden).unflatten(1, (-1, self.values_per_point, 2))  # [B, npoints, values, 2]
        connections = self.enc_con(hidden)
        if self.hard:
            connections = straight_through(connections)
        first, second = self.pairs
        return self.with_style(latent, self.connect(points[:, first], points[:, second]), connections.unsqueeze(2))

    def connect(self, first: Tensor, second: Tensor) -> Tensor:
        """Strokes [B, pairs, P, 2] from the first to the second point of every pair.

        first, second: [B, pairs, values_per_point, 2], these points (and their control points).
        """
        raise NotImplementedError


class SinglePassPolyConnectDecoder(ConnectDecoder):
    """Straight lines between all pairs of points; stronger connections have more ink. Strokes [B, pairs, 2, 2]."""

    def connect(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.cat([first, second], dim=2)


class SinglePassBezierConnectDecoder(ConnectDecoder):
    """Cubic Bezier curves between all pairs of points. Strokes [B, pairs, 4, 2].

    Every point has a control point. A curve leaves its start towards the start's control point, and arrives at its end
    from the side opposite to the end's control point, so a curve to a point and a curve from it join smoothly.
    """

    values_per_point = 2  # a point and its control point

    def connect(self, first: Tensor, second: Tensor) -> Tensor:
        end, control = second.unbind(2)
        return torch.cat([first, torch.stack([2 * end - control, end], dim=2)], dim=2)
