"""Pictures in: one module a family of pictures, each giving train, valid and test splits of labelled uint8 images.

`DATASETS` is the table of what `--dataset` can choose. Importing this package does not import torch.
"""

from datasets import options
from parts import Part

DATASETS: dict[str, Part] = {
    "Digits": Part(
        "datasets.digits",
        "Digits",
        options.add_digits_options,
        defaults={
            "encoder": "SmallCNNEncoder",
            "latent_size": 128,
            "decoder_hidden": 256,
            "nlines": 8,
            "sigma2": 5e-3,
            "stroke_spread": 0.7,
            "rx_hidden": 256,
            "rx_latent_size": 128,
            "batch_size": 32,
            "learning_rate": "0.0005*0.3@[40,55]",
            "epochs": 60,
        },
    ),
    "STL10": Part("datasets.stl10", "STL10", options.add_stl10_options),
    "Caltech101": Part("datasets.caltech101", "Caltech101", options.add_caltech101_options),
    "CelebA": Part("datasets.celeba", "CelebA", options.add_celeba_options),
    "ImageFolder": Part("datasets.image_folder", "ImageFolder", options.add_image_folder_options),
}
