"""The encoder built on SqueezeNet, small enough for a laptop."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.squeezenet import Fire

from learning_to_draw.models.encoders.base import flat_size
from learning_to_draw.models.encoders.config import SQUEEZENET_LAYERS, SqueezeNetConfig
from learning_to_draw.models.encoders.convolutional import ConvolutionalBackbone, up_to
from learning_to_draw.models.encoders.pretrained import load_imagenet_weights
from learning_to_draw.rasteriser.derivatives import first_derivative_only

SQUEEZENET_LAYER_AT: dict[str, int] = dict(zip(SQUEEZENET_LAYERS, (1, 4, 7, 10, 12), strict=True))


class SqueezeNetBackbone(ConvolutionalBackbone):
    """SqueezeNet 1.1 (Iandola et al. 2016) up to one of five layers. Not in the paper.

    Up to fire9, the last of these layers, it takes about 1/60 of the multiplications of VGG16's convolutions. Each
    picture's features are normalised to mean 0 and variance 1, then projected. Without this normalisation, the features
    are so large that they saturate the decoder's tanh, and every sketch is the same cross.
    """

    def __init__(
        self,
        config: SqueezeNetConfig = SqueezeNetConfig(),
        *,
        image_size: int,
        channels: int = 3,
        pretrained: bool = True,
    ):
        """Raises UsageError if the weights are not available."""
        layer_at = up_to(config.feature_layer, SQUEEZENET_LAYER_AT)
        network = torchvision.models.squeezenet1_1().features[: layer_at[config.feature_layer] + 1]
        if pretrained and config.imagenet_weights:
            load_imagenet_weights(network, torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1, "features.")
        for index, layer in enumerate(network):
            if isinstance(layer, Fire):
                network[index] = _Fire(layer)
        super().__init__("squeezenet", network, layer_at, freeze=config.freeze_backbone)
        size = flat_size(self.backbone, self.channels, image_size)
        self.enc = nn.Sequential(
            nn.Flatten(), nn.LayerNorm(size, elementwise_affine=False), nn.Linear(size, config.latent_size)
        )

    def preprocess(self, pictures: Tensor) -> Tensor:
        """The input of `forward`: colour pictures as in the base class, grey pictures as one channel, not normalised.

        For grey pictures, `_through` puts the normalisation into the first layer's kernel and bias.
        """
        # Sketches are grey, and `expand_channels` has repeated their channel without copying it.
        is_grey = pictures.shape[1] == 1 or pictures.stride(1) == 0
        return pictures[:, :1] if is_grey else super().preprocess(pictures)

    def _through(self, layer: nn.Module, values: Tensor, is_sketch: bool) -> Tensor:
        if values.shape[1] > 1:
            return super()._through(layer, values, is_sketch)
        assert isinstance(layer, nn.Conv2d)
        assert layer.bias is not None
        kernel, bias = layer.weight, layer.bias
        if self.imagenet_norm:  # every channel is (grey - mean) / std; there is no padding
            kernel = kernel / self.std
            bias = bias - (kernel * self.mean).sum(dim=(1, 2, 3))
        # The permutation makes the kernel, and therefore the maps, channels-last.
        kernel = kernel.sum(dim=1)[..., None].permute(0, 3, 1, 2)
        if kernel.requires_grad:
            return functional.conv2d(values, kernel, bias, layer.stride)
        return _FrozenGreyConvolution.apply(values, kernel, bias, layer.stride)


class _FrozenGreyConvolution(torch.autograd.Function):
    """conv2d of grey pictures [B, 1, H, W], without a gradient for the kernel [K, 1, h, w] and bias [K].

    On a CPU, torch's own gradient with respect to the pictures takes several times as long as this one.
    """

    @staticmethod
    def forward(ctx, pictures: Tensor, kernel: Tensor, bias: Tensor, stride: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(kernel)
        ctx.size, ctx.stride, ctx.dtype = pictures.shape[-2:], stride, pictures.dtype
        return functional.conv2d(pictures, kernel, bias, stride)

    @staticmethod
    @first_derivative_only
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        (kernel,) = ctx.saved_tensors
        by_place = kernel.flatten(1).T[..., None, None].to(grad.dtype)  # [h * w, K, 1, 1]
        columns = functional.conv2d(grad, by_place).to(ctx.dtype).flatten(2)  # [B, h * w, places of the kernel]
        return functional.fold(columns, ctx.size, kernel.shape[-2:], stride=ctx.stride), None, None, None


class _Fire(nn.Module):
    """torchvision's Fire module with one ReLU after the concatenation, instead of one ReLU on each part before it.

    The values are the same, but the backward pass is faster, because the gradient of the concatenation is contiguous,
    and that of a single part is not.
    """

    def __init__(self, fire: Fire):
        super().__init__()
        self.squeeze, self.expand1x1, self.expand3x3 = fire.squeeze, fire.expand1x1, fire.expand3x3

    def forward(self, maps: Tensor) -> Tensor:
        squeezed = self.squeeze(maps).relu_()
        return torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], dim=1).relu_()
