"""Receivers: they map a latent to a vector; a candidate's score is the dot product of its vector and the sketch's."""

from torch import Tensor, nn

from learning_to_draw.models.config import ReceiverConfig


class SimpleReceiverMLP(nn.Module):
    """Linear, ReLU, Linear: [..., latent_size] -> [..., rx_latent_size]; the same weights for photos and sketches."""

    def __init__(self, config: ReceiverConfig = ReceiverConfig(), *, latent_size: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(latent_size, config.rx_hidden), nn.ReLU(), nn.Linear(config.rx_hidden, config.rx_latent_size)
        )

    def forward(self, latent: Tensor) -> Tensor:
        return self.mlp(latent)
