"""Data sets: one module per family, each with train, valid and test splits of labelled uint8 images."""

from learning_to_draw.datasets.config import DATASETS

__all__ = ["DATASETS"]
