"""Single-pass decoders: one MLP maps the latent to points on the canvas, from which all strokes are formed.

Each class defines which points form which stroke; the base classes provide the MLP, the drawing and sigma2. All
decoders compose strokes by `softor`. The official code composes coloured strokes by `over`, with the same result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Decoder, MLPDecoder, Strokes, hidden_layers, point_layers
from learning_to_draw.models.decoders.config import (
    BezierConfig,
    LineConfig,
    PointConfig,
    PolyLineConfig,
    SinglePassConfig,
    SplineConfig,
)
from learning_to_draw.rasteriser import catmull_rom_to_bezier, curve_edt2_bruteforce, exp, pixel_grid, softor

# Points tried for each pixel per round, and rounds: enough to find the nearest point of a curve without loops.
BRUTEFORCE_SLICES, BRUTEFORCE_ITERATIONS = 12, 3


class SinglePassDecoder(MLPDecoder):
    """An MLP from the latent to points, which `strokes_of` forms into strokes.

    Linear, ReLU, Linear, ReLU, Linear, Tanh: every point lies on the canvas (section 3 of the paper).
    """

    def __init__(
        self,
        config: SinglePassConfig,
        head: str,
        points: int,
        *,
        latent_size: int,
        **context,
    ):
        """head: the attribute (and checkpoint key) that holds the MLP. points: the number of points it gives.
        context: the other arguments of `Decoder`."""
        super().__init__(config, latent_size=latent_size, **context)
        self._head = head
        self.add_module(head, nn.Sequential(*hidden_layers(latent_size, config), *point_layers(points, config)))
        self.strokes = self.strokes_of(torch.zeros(1, points, 2)).shape[1]
        self.add_heads(config, latent_size, self.strokes)

    def forward(self, latent: Tensor) -> Strokes:
        points = getattr(self, self._head)(latent).unflatten(1, (-1, 2))
        return self.with_style(latent, self.strokes_of(points), self.intensities(latent))

    def strokes_of(self, points: Tensor) -> Tensor:
        """The control points of the strokes, [B, strokes, P, 2], from the MLP's points [B, points, 2]."""
        raise NotImplementedError

    def intensities(self, latent: Tensor) -> Tensor | None:
        """The ink of each stroke in each of C channels, [B, strokes, C]. None: C = 1 and all intensities are 1."""
        return None


class SinglePassSimpleLineDecoder(SinglePassDecoder):
    """Independent straight lines: the paper's decoder. Strokes [B, nlines, 2, 2]."""

    def __init__(self, config: LineConfig = LineConfig(), **context):
        super().__init__(config, "latent_to_linecoord", 2 * config.nlines, **context)

    def strokes_of(self, points: Tensor) -> Tensor:
        return points.unflatten(1, (-1, 2))


class SinglePassPointsDecoder(SinglePassDecoder):
    """Dots. Strokes [B, npoints, 1, 2]."""

    def __init__(self, config: PointConfig = PointConfig(), **context):
        super().__init__(config, "latent_to_pointscoord", config.npoints, **context)

    def strokes_of(self, points: Tensor) -> Tensor:
        return points.unsqueeze(2)


class SinglePassPolyLineDecoder(SinglePassDecoder):
    """One polyline through all points. Strokes [B, npoints - 1, 2, 2]."""

    def __init__(self, config: PolyLineConfig = PolyLineConfig(), **context):
        require_points(config.npoints, 2, "a line")
        super().__init__(config, "latent_to_linecoord", config.npoints, **context)

    def strokes_of(self, points: Tensor) -> Tensor:
        return torch.stack([points[:, :-1], points[:, 1:]], dim=2)


class SinglePassCRSDecoder(SinglePassDecoder):
    """Centripetal Catmull-Rom splines, each through all its points except the first and last.

    Strokes [B, nlines * (npoints - 3), 4, 2]: the pieces between neighbouring points, as equivalent Bezier curves.
    """

    def __init__(self, config: SplineConfig = SplineConfig(), **context):
        require_points(config.npoints, 4, "a spline")
        self.nlines = config.nlines
        self.edt_approximation = config.edt_approximation
        super().__init__(config, "latent_to_points", config.npoints * config.nlines, **context)

    def strokes_of(self, points: Tensor) -> Tensor:
        windows = points.unflatten(1, (self.nlines, -1)).unfold(2, 4, 1)  # [B, nlines, npoints - 3, 2, 4]
        return catmull_rom_to_bezier(windows.transpose(-1, -2).flatten(1, 2))

    def ink(self, strokes: Strokes) -> Tensor:
        if self.edt_approximation == "polyline":
            return super().ink(strokes)
        # The brute-force search keeps the rasters of all strokes in memory.
        grid = pixel_grid(self.image_size, dtype=strokes.points.dtype, device=strokes.points.device)
        d2 = curve_edt2_bruteforce(strokes.points, grid, BRUTEFORCE_ITERATIONS, BRUTEFORCE_SLICES)
        sigma2 = strokes.sigma2[..., None, None] if isinstance(strokes.sigma2, Tensor) else strokes.sigma2
        rasters = exp(d2, sigma2).unsqueeze(2)  # [B, N, 1, S, S]
        if strokes.intensities is not None:
            rasters = rasters * strokes.intensities[..., None, None]
        return softor(rasters)


class SinglePassSimpleBezierDecoder(SinglePassDecoder):
    """Lines made of cubic Bezier curves; each curve of a line starts where the previous one ends.

    Strokes [B, nlines * segments, 4, 2]. A smooth line also keeps its direction from one curve to the next: the second
    control point of a curve mirrors the third control point of the previous curve.
    """

    def __init__(self, config: BezierConfig = BezierConfig(), **context):
        self.nlines, self.smooth, self.segments = config.nlines, config.smooth, config.segments
        points = 4 + (2 if self.smooth else 3) * (self.segments - 1)  # of each line
        super().__init__(config, "latent_to_linecoord", self.nlines * points, **context)

    def strokes_of(self, points: Tensor) -> Tensor:
        lines = points.unflatten(1, (self.nlines, -1))
        if not self.smooth:  # curve k takes the points 3k to 3k + 3
            return lines.unfold(2, 4, 3).transpose(-1, -2).flatten(1, 2)
        curves = [lines[:, :, :4]]
        for k in range(1, self.segments):
            _, _, control, start = curves[-1].unbind(2)
            curves.append(torch.stack([start, 2 * start - control, *lines[:, :, 2 * k + 2 : 2 * k + 4].unbind(2)], 2))
        return torch.stack(curves, dim=2).flatten(1, 2)


class Coloured(Decoder):
    """Mixin, listed before a single-pass decoder: gives every stroke a colour. Sketches have three channels.

    The colours are the sigmoid of a linear map of the latent.
    """

    channels = 3
    strokes: int  # set by the single-pass decoder

    def __init__(self, config: SinglePassConfig, *, latent_size: int, **context):
        super().__init__(config, latent_size=latent_size, **context)
        self.latent_to_rgbvalues = nn.Sequential(nn.Linear(latent_size, 3 * self.strokes), nn.Sigmoid())

    def intensities(self, latent: Tensor) -> Tensor:
        return self.latent_to_rgbvalues(latent).unflatten(1, (-1, 3))


class SinglePassColouredLineDecoder(Coloured, SinglePassSimpleLineDecoder):
    """Straight lines in colour."""


class SinglePassColouredPointsDecoder(Coloured, SinglePassPointsDecoder):
    """Dots in colour."""


class SinglePassColouredCRSDecoder(Coloured, SinglePassCRSDecoder):
    """Catmull-Rom splines with a colour per piece."""


def require_points(npoints: int, least: int, what: str) -> None:
    if npoints < least:
        raise UsageError(f"--npoints {npoints}: {what} needs at least {least} points.\nGive a larger --npoints.")
