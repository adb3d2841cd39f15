"""Pictures of different sizes in one flat buffer, with square crops cut without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class RaggedImages:
    """N uint8 pictures of C channels, each with its own height and width, one after another in one buffer.

    Picture i is `pixels[offsets[i]:][: C * heights[i] * widths[i]]` viewed as [C, heights[i], widths[i]].
    """

    pixels: Tensor  # uint8 [total]
    offsets: Tensor  # int64 [N]
    heights: Tensor  # int64 [N]
    widths: Tensor  # int64 [N]
    channels: int

    @classmethod
    def of(cls, pictures: Sequence[Tensor]) -> RaggedImages:
        """Packs pictures, each uint8 [C, H, W] with the same C.

        If `pictures` is a list, each entry is replaced by None once it is packed, so memory never holds all pictures
        twice.
        """
        heights = torch.tensor([picture.shape[1] for picture in pictures])
        widths = torch.tensor([picture.shape[2] for picture in pictures])
        channels = pictures[0].shape[0]
        ends = torch.cumsum(channels * heights * widths, 0)
        offsets = ends - channels * heights * widths
        pixels = np.empty(int(ends[-1]), dtype=np.uint8)  # torch is many times slower: it starts threads for each copy
        for i, (start, end) in enumerate(zip(offsets.tolist(), ends.tolist(), strict=True)):
            pixels[start:end] = pictures[i].numpy().reshape(-1)
            if isinstance(pictures, list):
                cast("list[Tensor | None]", pictures)[i] = None
        return cls(torch.from_numpy(pixels), offsets, heights, widths, channels)

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    @property
    def nbytes(self) -> int:
        """Size of the pixels in bytes."""
        return self.pixels.nbytes

    def to(self, device: torch.device | str) -> RaggedImages:
        return RaggedImages(
            self.pixels.to(device),
            self.offsets.to(device),
            self.heights.to(device),
            self.widths.to(device),
            self.channels,
        )

    def picture(self, index: int) -> Tensor:
        """Picture `index`, uint8 [C, H, W], a view of the buffer."""
        height, width = int(self.heights[index]), int(self.widths[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + self.channels * height * width].view(self.channels, height, width)

    def crops(self, indices: Tensor, tops: Tensor, lefts: Tensor, size: int) -> Tensor:
        """Square crops, uint8 [B, C, size, size], of the pictures `indices`, with top left corners (tops, lefts).

        All three are int64 [B] on the buffer's device. The squares must lie within their pictures; this is not checked,
        because the check would synchronise the GPU.
        """
        heights, widths = self.heights[indices], self.widths[indices]
        rows = lefts[:, None] + (tops[:, None] + torch.arange(size, device=self.device)) * widths[:, None]  # [B, size]
        planes = self.offsets[indices][:, None] + (heights * widths)[:, None] * torch.arange(
            self.channels, device=self.device
        )  # [B, C]
        # Indexing rows of `size` pixels is several times as fast as indexing pixels.
        return self.pixels.unfold(0, size, 1)[planes[:, :, None] + rows[:, None]]
