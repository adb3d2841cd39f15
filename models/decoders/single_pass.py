"""Single-pass decoders: one MLP from the latent to the points of all strokes, all of them on the canvas.

Each class says which points make up which stroke; the MLP, the drawing and sigma2 are shared. The official code's
composition of colours by `over` equals the union of inks that all decoders draw with (see `rasteriser.draw`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learning_to_draw.errors import UsageError
from learning_to_draw.models.decoders.base import Decoder, Strokes, hidden_layers, point_layers
from learning_to_draw.rasteriser import catmull_rom_to_bezier, curve_edt2_bruteforce, exp, pixel_grid, softor

# Enough for the nearest point of a curve without loops; each pixel tries this many points, this many times over.
BRUTEFORCE_SLICES, BRUTEFORCE_ITERATIONS = 12, 3


class SinglePassDecoder(Decoder):
    """An MLP from the latent to points, of which `strokes_of` makes strokes.

    Linear, ReLU, Linear, ReLU, Linear, Tanh, so that every point lies on the canvas (the paper's section 3).
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
        """head: the attribute, and so the checkpoint key, that holds the MLP. points: how many it gives."""
        super().__init__(**drawing)
        self._head = head
        body = hidden_layers(latent_size, decoder_hidden, decoder_hidden2)
        self.add_module(head, nn.Sequential(*body, *point_layers(decoder_hidden2, points, stroke_spread)))
        self.strokes = self.strokes_of(torch.zeros(1, points, 2)).shape[1]

    def forward(self, latent: Tensor) -> Strokes:
        points = getattr(self, self._head)(latent).unflatten(1, (-1, 2))
        return Strokes(self.strokes_of(points), self.sigma2, self.intensities(latent))

    def strokes_of(self, points: Tensor) -> Tensor:
        """Points [B, points, 2] to strokes [B, strokes, P, 2], see `Strokes`."""
        raise NotImplementedError

    def intensities(self, latent: Tensor) -> Tensor | None:
        """Ink of every stroke in every channel, [B, strokes, channels]; None where all of them draw in full black."""
        return None


class SinglePassSimpleLineDecoder(SinglePassDecoder):
    """Straight lines that have nothing to do with each other: the paper's decoder. Strokes [B, nlines, 2, 2]."""

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
    """One line that is straight from each point to the next. Strokes [B, npoints - 1, 2, 2]."""

    def __init__(self, *, npoints: int = 16, **common):
        require_points(npoints, 2, "a line")
        super().__init__("latent_to_linecoord", npoints, **common)

    def strokes_of(self, points: Tensor) -> Tensor:
        return torch.stack([points[:, :-1], points[:, 1:]], dim=2)


class SinglePassCRSDecoder(SinglePassDecoder):
    """Centripetal Catmull-Rom splines through all but the first and last of their points.

    Strokes [B, nlines * (npoints - 3), 4, 2], the pieces between neighbouring points as the Bezier curves they are.
    """

    def __init__(self, *, npoints: int = 16, nlines: int = 1, edt_approximation: str = "polyline", **common):
        """edt_approximation: how far a pixel is from a curve, "polyline" (in ten straight pieces) or "bruteforce" (by a
        search for the nearest point; it holds the rasters of all strokes, and is many times slower)."""
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
    """Lines of cubic Bezier curves, each beginning where the one before it ends.

    Strokes [B, nlines * segments, 4, 2]. A smooth line also keeps its direction from one curve to the next: a curve's
    first control mirrors the last control of the curve before it.
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


class Coloured:
    """Before a single-pass decoder among a class's bases: every stroke has a colour, a sigmoid of a linear map of the
    latent. Sketches have three channels."""

    channels = 3

    def __init__(self, *, latent_size: int, **common):
        super().__init__(latent_size=latent_size, **common)
        self.latent_to_rgbvalues = nn.Sequential(nn.Linear(latent_size, 3 * self.strokes), nn.Sigmoid())

    def intensities(self, latent: Tensor) -> Tensor:
        return self.latent_to_rgbvalues(latent).unflatten(1, (-1, 3))


class SinglePassColouredLineDecoder(Coloured, SinglePassSimpleLineDecoder):
    """Straight lines in colour."""


class SinglePassColouredPointsDecoder(Coloured, SinglePassPointsDecoder):
    """Dots in colour."""


class SinglePassColouredCRSDecoder(Coloured, SinglePassCRSDecoder):
    """Catmull-Rom splines of which every piece has a colour."""


def require_points(npoints: int, least: int, what: str) -> None:
    if npoints < least:
        raise UsageError(f"--npoints {npoints}: {what} takes {least} points or more.\nGive more.")
