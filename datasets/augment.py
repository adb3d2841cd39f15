"""Random augmentation of a batch, on the device of the images, with separate random parameters for each image.

Random numbers come from a CPU generator, so a seed gives the same views on every device. Arguments such as
`degrees` and `hue` have the same meaning as in torchvision's transforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.datasets.splits import gather, to_device, to_unit_range

GREY = (0.2989, 0.587, 0.114)


@dataclass(frozen=True)
class AffineView:
    """An `Augment` for images of one size: random rotation, translation, scale and shear, with a black background."""

    degrees: float
    translate: float
    scale: tuple[float, float]
    shear: float = 0.0

    def __call__(
        self,
        images: Tensor | RaggedImages,
        indices: Tensor,
        generator: torch.Generator | None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        assert isinstance(images, Tensor), "AffineView is for images of one size"
        batch = gather(images, indices, device)
        return random_affine(batch, generator, self.degrees, self.translate, self.scale, self.shear)


# For handwritten characters and drawings; the ranges are the official code's.
HANDWRITING_VIEW = AffineView(degrees=3, translate=0.07, scale=(0.99, 1.01), shear=1)


@dataclass(frozen=True)
class CropFlipJitterView:
    """An `Augment` for RaggedImages: a random square crop, a random horizontal flip and colour jitter.

    size: height and width of the crop, in pixels.
    """

    size: int

    def __call__(
        self,
        images: Tensor | RaggedImages,
        indices: Tensor,
        generator: torch.Generator | None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        assert isinstance(images, RaggedImages), "CropFlipJitterView is for RaggedImages"
        crops = random_crops(images, indices, generator, self.size)
        return random_colour_jitter(random_horizontal_flip(to_unit_range(crops, device), generator), generator)


def random_crops(images: RaggedImages, indices: Tensor, generator: torch.Generator | None, size: int) -> Tensor:
    """uint8 [B, C, size, size]: a random square from each of the pictures `indices`; all positions are equally likely.

    The pictures must have at least `size` pixels on each side; this is not checked.
    """
    indices = to_device(indices, images.device)
    draws = to_device(torch.rand(2, len(indices), generator=generator), images.device)
    tops = (draws[0] * (images.heights[indices] - size + 1)).long()
    lefts = (draws[1] * (images.widths[indices] - size + 1)).long()
    return images.crops(indices, tops, lefts, size)


def random_affine(
    images: Tensor,
    generator: torch.Generator | None,
    degrees: float,
    translate: float,
    scale: tuple[float, float],
    shear: float,
    fill: float | Tensor = 0.0,
    interpolation: Literal["nearest", "bilinear"] = "bilinear",
) -> Tensor:
    """Images [B, C, H, W], each rotated, translated, scaled and sheared at random.

    degrees: largest rotation, either way. translate: largest shift, as a fraction of each side; shifts are whole
    pixels. scale: smallest and largest factor. shear: largest shear along x, in degrees, either way. fill: the value
    around the images, a number or a tensor [C].
    """
    draws = draw_affine(len(images), images.shape[-2:], generator, degrees, translate, scale, shear)
    return affine(images, *draws, fill, interpolation)


def draw_affine(
    count: int,
    size: Sequence[int],
    generator: torch.Generator | None,
    degrees: float,
    translate: float,
    scale: tuple[float, float],
    shear: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random angles [count], shifts [count, 2], scales [count] and shears [count] for `affine`; size: height, width."""
    height, width = size
    draws = torch.rand(5, count, generator=generator)
    spread = 2 * draws - 1  # -1..1
    shifts = torch.stack([torch.round(spread[1] * translate * width), torch.round(spread[2] * translate * height)], 1)
    return spread[0] * degrees, shifts, scale[0] + draws[3] * (scale[1] - scale[0]), spread[4] * shear


def affine(
    images: Tensor,
    angles: Tensor,
    shifts: Tensor,
    scales: Tensor,
    shears: Tensor,
    fill: float | Tensor = 0.0,
    interpolation: Literal["nearest", "bilinear"] = "bilinear",
) -> Tensor:
    """Images [B, C, H, W] transformed about their centres, each as torchvision's `affine` transforms a single image.

    With bilinear interpolation, pixels at the border differ: they are blended with `fill` once; torchvision blends them
    twice.

    angles: [B], degrees clockwise. shifts: [B, 2], pixels (x right, y down). scales: [B]. shears: [B], degrees along x.
    fill: the value around the images, a number or a tensor [C].
    """
    height, width = images.shape[-2:]
    turn, slant = torch.deg2rad(angles), torch.tan(torch.deg2rad(shears))
    cos, sin = torch.cos(turn), torch.sin(turn)
    # The sampling grid needs the inverse of scale * rotation * shear, whose determinant without the scale is 1.
    inverse = torch.stack(
        [torch.stack([cos - sin * slant, sin + cos * slant], 1), torch.stack([-sin, cos], 1)], 1
    ) / scales.view(-1, 1, 1)
    offset = -(inverse @ shifts.to(inverse.dtype)[:, :, None])
    half = torch.tensor([width / 2, height / 2], dtype=inverse.dtype)  # from pixels to a grid of -1..1
    theta = torch.cat([inverse * half / half[:, None], offset / half[:, None]], dim=2)
    grid = F.affine_grid(to_device(theta.to(images.dtype), images.device), list(images.shape), align_corners=False)
    background = torch.as_tensor(fill, dtype=images.dtype, device=images.device).view(-1, 1, 1)
    return F.grid_sample(images - background, grid, mode=interpolation, align_corners=False) + background


def random_horizontal_flip(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """Images [B, C, H, W], each mirrored left to right with probability one half."""
    flipped = to_device(torch.rand(len(images), generator=generator) < 0.5, images.device)
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)


def random_colour_jitter(
    images: Tensor,
    generator: torch.Generator | None,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.2,
    hue: float = 0.1,
    probability: float = 0.8,
) -> Tensor:
    """Images [B, 3, H, W] in 0..1; with `probability`, an image's brightness, contrast, saturation and hue all change.

    The factors are uniform in 1 +- the given number; the shifts of the hue are uniform in +- `hue` of a full turn. The
    order of the four changes is drawn once per batch: one order per image would cost four passes over the batch for
    each change.
    """
    order = torch.randperm(4, generator=generator).tolist()
    draws = to_device(torch.rand(5, len(images), generator=generator), images.device).view(5, -1, 1, 1, 1)
    spread = 2 * draws - 1
    changes = (
        lambda pixels: adjust_brightness(pixels, 1 + brightness * spread[0]),
        lambda pixels: adjust_contrast(pixels, 1 + contrast * spread[1]),
        lambda pixels: adjust_saturation(pixels, 1 + saturation * spread[2]),
        lambda pixels: adjust_hue(pixels, hue * spread[3]),
    )
    jittered = images
    for position in order:
        jittered = changes[position](jittered)
    return torch.where(draws[4] < probability, jittered, images)


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Images [B, 3, H, W], multiplied by `factors` [B, 1, 1, 1] and clamped to 0..1."""
    return (images * factors).clamp(0, 1)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Images [B, 3, H, W] in 0..1, each moved away from its mean grey if its factor is above 1, towards it if below.

    factors: [B, 1, 1, 1], one per image.
    """
    mean = brightness(images).mean(dim=(-2, -1), keepdim=True)
    return torch.lerp(mean.expand_as(images), images, factors.expand_as(images)).clamp(0, 1)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Images [B, 3, H, W] in 0..1, each pixel moved away from its grey if the factor is above 1, towards it if below.

    factors: [B, 1, 1, 1], one per image.
    """
    return torch.lerp(brightness(images).expand_as(images), images, factors.expand_as(images)).clamp(0, 1)


def adjust_hue(images: Tensor, shifts: Tensor) -> Tensor:
    """Images [B, 3, H, W] in 0..1 with the hue shifted by `shifts` [B, 1, 1, 1], fractions of a full turn.

    Value and saturation do not change.
    """
    red, green, blue = images.unbind(1)
    value, low = images.amax(1), images.amin(1)
    chroma = value - low
    divisor = chroma.clamp(min=torch.finfo(chroma.dtype).tiny)  # grey pixels have the sextant 0 / tiny
    sextant = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sextant = (sextant + 6 * shifts[:, 0])[:, None]
    # A channel is `value` in two of the six sextants, `low` in two, and changes linearly in the other two.
    phase = _per_channel((5.0, 3.0, 1.0), images.device) + sextant
    phase = phase - 6 * torch.floor(phase / 6)  # modulo 6; the operator % takes three times as long on a CPU
    return value[:, None] - chroma[:, None] * torch.minimum(phase, 4 - phase).clamp(0, 1)


def brightness(images: Tensor) -> Tensor:
    """[B, 1, H, W]: the brightness of images [B, 3, H, W]."""
    return (images * _per_channel(GREY, images.device)).sum(1, keepdim=True)


@lru_cache
def _per_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """`values` as [1, 3, 1, 1] on the device; cached, because the copy to a GPU makes the program wait for the GPU."""
    return torch.tensor(values, device=device).view(1, 3, 1, 1)
