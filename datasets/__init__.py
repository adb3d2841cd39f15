"""Data sets: one module per family, each with train, valid and test splits of labelled uint8 images.

`DATASETS` lists the choices of `--dataset`. Importing this package does not import torch.
"""

from learning_to_draw.components import Component
from learning_to_draw.datasets import options

QUICKDRAW = Component("datasets.quickdraw", "QuickDraw", options.add_quickdraw_options)

DATASETS: dict[str, Component] = {
    "Digits": Component(
        "datasets.digits",
        "Digits",
        options.add_digits_options,
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
    "STL10": Component("datasets.stl10", "STL10", options.add_stl10_options),
    "MNIST": Component("datasets.mnist", "MNIST", options.add_mnist_options),
    "KMNIST": Component("datasets.mnist", "KMNIST", options.add_kmnist_options),
    "ScaledMNIST": Component("datasets.mnist", "ScaledMNIST", options.add_mnist_options),
    "CIFAR10": Component("datasets.cifar", "CIFAR10", options.add_cifar10_options),
    "CIFAR100": Component("datasets.cifar", "CIFAR100", options.add_cifar100_options),
    "Omniglot": Component("datasets.omniglot", "Omniglot", options.add_omniglot_options),
    "C28pxOmniglot": Component("datasets.omniglot", "C28pxOmniglot", options.add_omniglot_options),
    "Caltech101": Component("datasets.caltech101", "Caltech101", options.add_caltech101_options),
    "CelebA": Component("datasets.celeba", "CelebA", options.add_celeba_options),
    "TinyImageNet": Component("datasets.tiny_imagenet", "TinyImageNet", options.add_tiny_imagenet_options),
    "StratifiedImageNet": Component(
        "datasets.stratified_imagenet", "StratifiedImageNet", options.add_stratified_imagenet_options
    ),
    "QuickDraw": QUICKDRAW,
    "Jon_QuickDraw": QUICKDRAW,  # its name in the official code
    "ImageFolder": Component("datasets.image_folder", "ImageFolder", options.add_image_folder_options),
}
