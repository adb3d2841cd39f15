"""Data sets: one module per family, each with train, valid and test splits of labelled uint8 images.

`DATASETS` lists the choices of `--dataset`. Importing this package does not import torch.
"""

from learning_to_draw.components import Component
from learning_to_draw.datasets import config

QUICKDRAW = Component(config.QuickDrawConfig, "datasets.quickdraw:QuickDraw")

DATASETS: dict[str, Component] = {
    "Digits": Component(
        config.DigitsConfig,
        "datasets.digits:Digits",
        defaults={
            "encoder": "SmallCNNEncoder",
            "latent_size": 128,
            "decoder_hidden": 256,
            "sigma2": 5e-3,
            "stroke_spread": 0.7,
            "rx_hidden": 256,
            "rx_latent_size": 128,
            "batch_size": 32,
            "learning_rate": "0.0005*0.3@[40,55]",
            "epochs": 60,
        },
        defaults_with={"SinglePassSimpleLineDecoder": {"nlines": 8}},
    ),
    "STL10": Component(config.STL10Config, "datasets.stl10:STL10"),
    "MNIST": Component(config.MNISTConfig, "datasets.mnist:MNIST"),
    "KMNIST": Component(config.KMNISTConfig, "datasets.mnist:KMNIST"),
    "ScaledMNIST": Component(config.MNISTConfig, "datasets.mnist:ScaledMNIST"),
    "CIFAR10": Component(config.CIFAR10Config, "datasets.cifar:CIFAR10"),
    "CIFAR100": Component(config.CIFAR100Config, "datasets.cifar:CIFAR100"),
    "Omniglot": Component(config.OmniglotConfig, "datasets.omniglot:Omniglot"),
    "C28pxOmniglot": Component(config.OmniglotConfig, "datasets.omniglot:C28pxOmniglot"),
    "Caltech101": Component(config.Caltech101Config, "datasets.caltech101:Caltech101"),
    "CelebA": Component(config.CelebAConfig, "datasets.celeba:CelebA"),
    "TinyImageNet": Component(config.TinyImageNetConfig, "datasets.tiny_imagenet:TinyImageNet"),
    "StratifiedImageNet": Component(config.StratifiedImageNetConfig, "datasets.stratified_imagenet:StratifiedImageNet"),
    "QuickDraw": QUICKDRAW,
    "Jon_QuickDraw": QUICKDRAW,  # its name in the official code
    "ImageFolder": Component(config.ImageFolderConfig, "datasets.image_folder:ImageFolder"),
}
