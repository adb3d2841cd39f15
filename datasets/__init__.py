"""Data sets: one module per family, each with train, valid and test splits of labelled uint8 images.

`DATASETS` lists the choices of `--dataset`. Importing this package does not import torch.
"""

from learning_to_draw.components import Part
from learning_to_draw.datasets import options

QUICKDRAW = Part("datasets.quickdraw", "QuickDraw", options.add_quickdraw_options)

DATASETS: dict[str, Part] = {
    "Digits": Part(
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
    "STL10": Part("datasets.stl10", "STL10", options.add_stl10_options),
    "MNIST": Part("datasets.mnist", "MNIST", options.add_mnist_options),
    "KMNIST": Part("datasets.mnist", "KMNIST", options.add_kmnist_options),
    "ScaledMNIST": Part("datasets.mnist", "ScaledMNIST", options.add_mnist_options),
    "CIFAR10": Part("datasets.cifar", "CIFAR10", options.add_cifar10_options),
    "CIFAR100": Part("datasets.cifar", "CIFAR100", options.add_cifar100_options),
    "Omniglot": Part("datasets.omniglot", "Omniglot", options.add_omniglot_options),
    "C28pxOmniglot": Part("datasets.omniglot", "C28pxOmniglot", options.add_omniglot_options),
    "Caltech101": Part("datasets.caltech101", "Caltech101", options.add_caltech101_options),
    "CelebA": Part("datasets.celeba", "CelebA", options.add_celeba_options),
    "TinyImageNet": Part("datasets.tiny_imagenet", "TinyImageNet", options.add_tiny_imagenet_options),
    "StratifiedImageNet": Part(
        "datasets.stratified_imagenet", "StratifiedImageNet", options.add_stratified_imagenet_options
    ),
    "QuickDraw": QUICKDRAW,
    "Jon_QuickDraw": QUICKDRAW,  # its name in the official code
    "ImageFolder": Part("datasets.image_folder", "ImageFolder", options.add_image_folder_options),
}
