"""Pictures of different sizes in one flat buffer, from which square crops are cut without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class RaggedImages:
    """N uint8 pictures of C channels, each with its own height and width, end to end in one buffer.

    Picture i is `pixels[offsets[i]:][: C * heights[i] * widths[i]]` read as [C, heights[i], widths[i]].
    """

    pixels: Tensor  # uint8 [total]
    offsets: Tensor  # int64 [N]
    heights: Tensor  # int64 [N]
    widths: Tensor  # int64 [N]
    channels: int

    @classmethod
    def of(cls, pictures: Sequence[Tensor]) -> RaggedImages:
        """Packs pictures, each uint8 [C, H, W] with the same C.

        A list is emptied on the way (its pictures become None), so that memory never holds everything twice.
        """
        heights = torch.tensor([picture.shape[1] for picture in pictures])
        widths = torch.tensor([picture.shape[2] for picture in pictures])
        channels = pictures[0].shape[0]
        ends = torch.cumsum(channels * heights * widths, 0)
        offsets = ends - channels * heights * widths
        pixels = np.empty(int(ends[-1]), dtype=np.uint8)  # torch starts threads for each small copy: many times slower
        for i, (start, end) in enumerate(zip(offsets.tolist(), ends.tolist(), strict=True)):
            pixels[start:end] = pictures[i].numpy().reshape(-1)
            if isinstance(pictures, list):
                pictures[i] = None
        return cls(torch.from_numpy(pixels), offsets, heights, widths, channels)

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def device(self) -> torch.device:
        return self.pixels.device

    @property
    def nbytes(self) -> int:
        """Of the pixels."""
        return self.pixels.nbytes

    def to(self, device: torch.device | str) -> RaggedImages:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return RaggedImages(**{k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()})

    def picture(self, index: int) -> Tensor:
        """Picture `index`, uint8 [C, H, W], a view of the buffer."""
        height, width = int(self.heights[index]), int(self.widths[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + self.channels * height * width].view(self.channels, height, width)

    def crops(self, indices: Tensor, tops: Tensor, lefts: Tensor, size: int) -> Tensor:
        """Square cut-outs, uint8 [B, C, size, size], of the pictures `indices`, with corners at (tops, lefts).

        All three are int64 [B] on the buffer's device. The squares have to lie within their pictures: that is not
        checked here, since the check would make a GPU wait.
        """
        heights, widths = self.heights[indices], self.widths[indices]
        square = torch.arange(size, device=self.device)
        rows = (tops[:, None] + square) * widths[:, None]  # [B, size], where each row starts in its plane
        columns = lefts[:, None] + square  # [B, size]
        planes = self.offsets[indices][:, None] + (heights * widths)[:, None] * torch.arange(
            self.channels, device=self.device
        )  # [B, C]
        return self.pixels[planes[:, :, None, None] + rows[:, None, :, None] + columns[:, None, None, :]]
