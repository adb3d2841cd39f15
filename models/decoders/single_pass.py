"""Single-pass decoders: one MLP from the latent to the points of all strokes, which all lie on the canvas.

Each class defines which points form which stroke; the MLP, the drawing and sigma2 are shared. The official code
composes colours by `over`, which equals the union of inks that all decoders draw with (see `rasteriser.draw`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Decoder, Strokes, hidden_layers, point_layers
from learning_to_draw.rasteriser import catmull_rom_to_bezier, curve_edt2_bruteforce, exp, pixel_grid, softor

# Enough to find the nearest point of a curve without loops. Each pixel tries this number of points in each round.
BRUTEFORCE_SLICES, BRUTEFORCE_ITERATIONS = 12, 3


class SinglePassDecoder(Decoder):
    """An MLP from the latent to points, which `strokes_of` forms into strokes.

    Linear, ReLU, Linear, ReLU, Linear, Tanh: every point lies on the canvas (section 3 of the paper).
    """

    def __init__(
        self,
        head: str,
        points: int,
        *,
        latent_size: int,
        decoder_hidden: int = 64,
        decoder_hidden2: int = 256,
        stroke_spread: float = 0.0,
        **drawing,
    ):
        """head: the attribute (and checkpoint key) that holds the MLP. points: the number of points it gives."""
        super().__init__(**drawing)
        self._head = head
        body = hidden_layers(latent_size, decoder_hidden, decoder_hidden2)
        self.add_module(head, nn.Sequential(*body, *point_layers(decoder_hidden2, points, stroke_spread)))
        self.strokes = self.strokes_of(torch.zeros(1, points, 2)).shape[1]

    def forward(self, latent: Tensor) -> Strokes:
        points = getattr(self, self._head)(latent).unflatten(1, (-1, 2))
        return Strokes(self.strokes_of(points), self.sigma2, self.intensities(latent))

    def strokes_of(self, points: Tensor) -> Tensor:
        """Strokes [B, strokes, P, 2], see `Strokes`, from points [B, points, 2]."""
        raise NotImplementedError

    def intensities(self, latent: Tensor) -> Tensor | None:
        """Ink of each stroke in each channel, [B, strokes, channels]; None means 1 in one channel."""
        return None


class SinglePassSimpleLineDecoder(SinglePassDecoder):
    """Independent straight lines: the paper's decoder. Strokes [B, nlines, 2, 2]."""

    def __init__(self, *, nlines: int = 5, **common):
        super().__init__("latent_to_linecoord", 2 * nlines, **common)

    def strokes_of(self, points: Tensor) -> Tensor:
        return points.unflatten(1, (-1, 2))


class SinglePassPointsDecoder(SinglePassDecoder):
    """Dots. Strokes [B, npoints, 1, 2]."""

    def __init__(self, *, npoints: int = 50, **common):
        super().__init__("latent_to_pointscoord", npoints, **common)

    def strokes_of(self, points: Tensor) -> Tensor:
        return points.unsqueeze(2)


class SinglePassPolyLineDecoder(SinglePassDecoder):
    """One polyline through all points. Strokes [B, npoints - 1, 2, 2]."""

    def __init__(self, *, npoints: int = 16, **common):
        require_points(npoints, 2, "a line")
        super().__init__("latent_to_linecoord", npoints, **common)

    def strokes_of(self, points: Tensor) -> Tensor:
        return torch.stack([points[:, :-1], points[:, 1:]], dim=2)


class SinglePassCRSDecoder(SinglePassDecoder):
    """Centripetal Catmull-Rom splines, each through all its points except the first and last.

    Strokes [B, nlines * (npoints - 3), 4, 2]: the pieces between neighbouring points, as equivalent Bezier curves.
    """

    def __init__(self, *, npoints: int = 16, nlines: int = 1, edt_approximation: str = "polyline", **common):
        """edt_approximation: how distances to a curve are computed, "polyline" (to ten straight pieces) or "bruteforce"
        (by a search for the nearest point; keeps the rasters of all strokes and is many times slower)."""
        require_points(npoints, 4, "a spline")
        self.nlines = nlines
        self.edt_approximation = edt_approximation
        super().__init__("latent_to_points", npoints * nlines, **common)

    def strokes_of(self, points: Tensor) -> Tensor:
        windows = points.unflatten(1, (self.nlines, -1)).unfold(2, 4, 1)  # [B, nlines, npoints - 3, 2, 4]
        return catmull_rom_to_bezier(windows.transpose(-1, -2).flatten(1, 2))

    def ink(self, strokes: Strokes) -> Tensor:
        if self.edt_approximation == "polyline":
            return super().ink(strokes)
        grid = pixel_grid(self.image_size, dtype=strokes.points.dtype, device=strokes.points.device)
        d2 = curve_edt2_bruteforce(strokes.points, grid, BRUTEFORCE_ITERATIONS, BRUTEFORCE_SLICES)
        rasters = exp(d2, strokes.sigma2).unsqueeze(2)  # [B, N, 1, S, S]
        if strokes.intensities is not None:
            rasters = rasters * strokes.intensities[..., None, None]
        return softor(rasters)


class SinglePassSimpleBezierDecoder(SinglePassDecoder):
    """Lines of cubic Bezier curves, each starting where the previous one ends.

    Strokes [B, nlines * segments, 4, 2]. A smooth line also keeps its direction from one curve to the next: the first
    control of a curve mirrors the last control of the previous curve.
    """

    def __init__(self, *, nlines: int = 5, smooth: bool = False, segments: int = 1, **common):
        self.nlines, self.smooth, self.segments = nlines, smooth, segments
        super().__init__("latent_to_linecoord", nlines * (4 + (2 if smooth else 3) * (segments - 1)), **common)

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
    """Mixin, listed before a single-pass decoder: gives every stroke a colour, a sigmoid of a linear map of the latent.
    Sketches have three channels."""

    channels = 3
    strokes: int  # set by the single-pass decoder

    def __init__(self, *, latent_size: int, **common):
        super().__init__(**common, **{"latent_size": latent_size})  # the single-pass decoder's constructor
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
