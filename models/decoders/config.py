"""The decoders by command-line name, and their configurations. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from learning_to_draw.components import (
    Component,
    Config,
    boolean,
    flag,
    non_negative_float,
    option,
    positive_float,
    positive_int_up_to,
)


def _count(default: int, help: str, most: int = 100_000) -> Any:
    return option(default, help, type=positive_int_up_to(most), metavar="N")


@dataclass(frozen=True, kw_only=True)
class DecoderConfig(Config):
    """The options of every decoder: how strokes become ink."""

    contrast: float = option(1.0, "multiply the ink by X, before --invert", type=positive_float, metavar="X")
    sigma2: float = option(
        0.01,
        "squared stroke width: ink is exp(-d^2/sigma2) on a canvas from -1 to 1",
        type=positive_float,
        names=("--init-sigma2",),
        metavar="X",
    )
    final_sigma2: float = option(0.01, "value of sigma2 at which annealing stops", type=positive_float, metavar="X")
    sigma2_factor: float = option(0.5, "annealing multiplies sigma2 by X", type=positive_float, metavar="X")
    sigma2_step: int = option(
        -1, "anneal after every epoch whose number (from 0) is a multiple of N; -1 or 0: never", type=int, metavar="N"
    )

    @property
    def leaves_out_strokes(self) -> bool:
        """Whether the decoder can draw fewer strokes in some sketches than in others, as --stroke-price needs."""
        return False


@dataclass(frozen=True, kw_only=True)
class SinglePassConfig(DecoderConfig):
    """The options of every decoder with an MLP."""

    stroke_spread: float = option(
        0.0,
        "spread untrained strokes over the canvas: the biases of the layer before the last tanh start uniform in "
        "-X..X; 0 starts all strokes near the centre, like the official code",
        type=non_negative_float,
        metavar="X",
    )
    stroke_widths: str = option(
        "fixed",
        "squared width of each stroke. fixed: sigma2; learned: sigma2 times a factor from 1/4 to 4 that is learned and "
        "the same in all sketches; chosen: sigma2 times a factor from 1/4 to 4 that the decoder chooses for each "
        "sketch",
        choices=("fixed", "learned", "chosen"),
    )
    stroke_gates: bool = flag(
        "let the decoder leave out strokes: for each sketch it decides which strokes are drawn; --ink-price and "
        "--stroke-price make it use few"
    )
    decoder_hidden: int = _count(64, "units of the decoder's first hidden layer")
    decoder_hidden2: int = _count(256, "units of the decoder's second hidden layer")

    @property
    def leaves_out_strokes(self) -> bool:
        return self.stroke_gates


@dataclass(frozen=True, kw_only=True)
class LineConfig(SinglePassConfig):
    nlines: int = _count(5, "straight lines per sketch")


@dataclass(frozen=True, kw_only=True)
class LocalLineConfig(DecoderConfig):
    stroke_grid: int = _count(8, "N rows and N columns of cells: in each cell, one line is drawn or left out", most=100)
    decoder_hidden: int = _count(128, "channels of the decoder's hidden layers")

    @property
    def leaves_out_strokes(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class PointConfig(SinglePassConfig):
    npoints: int = _count(50, "dots per sketch")


@dataclass(frozen=True, kw_only=True)
class PolyLineConfig(SinglePassConfig):
    npoints: int = _count(16, "points that the line passes through")


@dataclass(frozen=True, kw_only=True)
class ConnectConfig(SinglePassConfig):
    npoints: int = _count(16, "points; every pair of them may be connected", most=1000)
    allow_points: bool = option(
        True,
        "also connect points to themselves, which draws dots (or loops, with curves)",
        type=boolean,
        names=("--allowPoints",),
        nargs="?",
        const=True,
        metavar="true|false",
    )
    hard: bool = flag("round connections to 0 or 1 in the sketch; gradients ignore the rounding")

    @property
    def leaves_out_strokes(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class SplineConfig(SinglePassConfig):
    npoints: int = _count(16, "points per spline; the curve passes through all except the first and the last")
    nlines: int = _count(1, "splines per sketch")
    edt_approximation: str = option(
        "polyline",
        "how to compute the distance to a curve: from ten straight pieces, or by a search for the nearest point, which "
        "is more exact and many times slower",
        choices=("polyline", "bruteforce"),
    )


@dataclass(frozen=True, kw_only=True)
class BezierConfig(SinglePassConfig):
    nlines: int = _count(5, "lines per sketch")
    segments: int = _count(1, "Bezier curves per line, each starting where the previous one ends")
    smooth: bool = flag("join the curves of a line without corners")


@dataclass(frozen=True, kw_only=True)
class RNNConfig(DecoderConfig):
    steps: int = _count(5, "Bezier curves per sketch, one per step", most=1000)


@dataclass(frozen=True, kw_only=True)
class AttentionRNNConfig(RNNConfig):
    attention: bool = flag("attend to eight parts of the latent at every step (--latent-size must be a multiple of 8)")


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(SinglePassConfig):
    """The options of every decoder whose name begins with Recurrent."""

    steps: int = _count(5, "number of times that the decoder looks at its canvas and draws on it", most=1000)
    feedback: bool = flag(
        "with --anytime: before each step, tell the sender two of the receiver's probabilities: of the target, and of "
        "the receiver's guess"
    )


@dataclass(frozen=True, kw_only=True)
class RecurrentLineConfig(RecurrentConfig, LineConfig):
    pass


@dataclass(frozen=True, kw_only=True)
class RecurrentPolyLineConfig(RecurrentConfig, PolyLineConfig):
    pass


@dataclass(frozen=True, kw_only=True)
class RecurrentConnectConfig(RecurrentConfig, ConnectConfig):
    pass


@dataclass(frozen=True, kw_only=True)
class RecurrentSplineConfig(RecurrentConfig, SplineConfig):
    pass


SINGLE_PASS, CONNECT, RECURRENT = (f"models.decoders.{module}" for module in ("single_pass", "connect", "recurrent"))

DECODERS = {
    "SinglePassSimpleLineDecoder": Component(
        LineConfig, f"{SINGLE_PASS}:SinglePassSimpleLineDecoder", summary="straight lines; the paper's decoder"
    ),
    "SinglePassColouredLineDecoder": Component(
        LineConfig, f"{SINGLE_PASS}:SinglePassColouredLineDecoder", summary="straight lines, each with a colour"
    ),
    "SinglePassPointsDecoder": Component(PointConfig, f"{SINGLE_PASS}:SinglePassPointsDecoder", summary="dots"),
    "SinglePassColouredPointsDecoder": Component(
        PointConfig, f"{SINGLE_PASS}:SinglePassColouredPointsDecoder", summary="dots, each with a colour"
    ),
    "SinglePassPolyLineDecoder": Component(
        PolyLineConfig, f"{SINGLE_PASS}:SinglePassPolyLineDecoder", summary="one line through all points"
    ),
    "SinglePassCRSDecoder": Component(
        SplineConfig, f"{SINGLE_PASS}:SinglePassCRSDecoder", summary="Catmull-Rom splines"
    ),
    "SinglePassColouredCRSDecoder": Component(
        SplineConfig, f"{SINGLE_PASS}:SinglePassColouredCRSDecoder", summary="Catmull-Rom splines in colour"
    ),
    "SinglePassSimpleBezierDecoder": Component(
        BezierConfig,
        f"{SINGLE_PASS}:SinglePassSimpleBezierDecoder",
        summary="Bezier curves, which --segments joins into longer lines",
    ),
    "LocalLineDecoder": Component(
        LocalLineConfig,
        "models.decoders.local:LocalLineDecoder",
        summary="short straight lines drawn from feature maps, for sketches that people can read",
    ),
    "SinglePassPolyConnectDecoder": Component(
        ConnectConfig, f"{CONNECT}:SinglePassPolyConnectDecoder", summary="lines of any strength between all points"
    ),
    "SinglePassBezierConnectDecoder": Component(
        ConnectConfig, f"{CONNECT}:SinglePassBezierConnectDecoder", summary="curves of any strength between all points"
    ),
    "RecurrentSimpleLineDecoder": Component(
        RecurrentLineConfig, f"{RECURRENT}:RecurrentSimpleLineDecoder", summary="straight lines, step by step"
    ),
    "RecurrentPolyLineDecoder": Component(
        RecurrentPolyLineConfig, f"{RECURRENT}:RecurrentPolyLineDecoder", summary="a line through points, step by step"
    ),
    "RecurrentPolyConnectDecoder": Component(
        RecurrentConnectConfig, f"{RECURRENT}:RecurrentPolyConnectDecoder", summary="connected points, step by step"
    ),
    "RecurrentCRSDecoder": Component(
        RecurrentSplineConfig, f"{RECURRENT}:RecurrentCRSDecoder", summary="Catmull-Rom splines, step by step"
    ),
    "RNNBezierDecoder": Component(
        RNNConfig, f"{RECURRENT}:RNNBezierDecoder", summary="a GRU that draws one curve per step"
    ),
    "RNNAttnBezierDecoder": Component(
        AttentionRNNConfig, f"{RECURRENT}:RNNAttnBezierDecoder", summary="RNNBezierDecoder with optional attention"
    ),
}
