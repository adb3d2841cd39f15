"""Encoders, decoders and receivers, and the agents made of them. Importing this package does not import torch."""

from learning_to_draw.models.config import RECEIVERS
from learning_to_draw.models.decoders.config import DECODERS
from learning_to_draw.models.encoders.config import ENCODERS

__all__ = ["DECODERS", "ENCODERS", "RECEIVERS"]
