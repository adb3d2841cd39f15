"""Receivers: from an encoder's latent to the vector whose dot products are the scores."""

from torch import Tensor, nn


class SimpleReceiverMLP(nn.Module):
    """Linear, ReLU, Linear: [..., latent_size] -> [..., rx_latent_size]; the same weights for photos and sketches."""

    def __init__(self, *, latent_size: int, rx_hidden: int = 64, rx_latent_size: int = 64):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(latent_size, rx_hidden), nn.ReLU(), nn.Linear(rx_hidden, rx_latent_size))

    def forward(self, latent: Tensor) -> Tensor:
        return self.mlp(latent)
