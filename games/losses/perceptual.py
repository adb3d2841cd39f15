"""Losses that compare feature maps: of photo and sketch, of sketch and given images, of photo and views of its sketch.

All of them use the sender's encoder, and need a `Play` with feature maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning_to_draw.datasets.decoding import read_picture, resize_and_crop, to_tensor
from learning_to_draw.datasets.splits import to_unit_range
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.config import CLIPConfig, DogConfig, FeatureMapConfig, PerceptualConfig
from learning_to_draw.games.losses.map_distance import distance_to_all, map_distance, mean_and_spread
from learning_to_draw.games.losses.random_views import random_views
from learning_to_draw.models.agents import Agents, Play
from learning_to_draw.models.encoders.base import Encoder


class LearntWeights(nn.Module):
    """Trainable weights of N feature layers, initially drawn from U(0, 1): () -> float [N].

    A call returns the weights, clamped to at least 0 and divided by their Euclidean length, so they cannot all vanish.
    In training mode, the returned values replace the weights. The loss is a sum of weight * distance over the layers,
    so training moves weight to the layers with the smallest distances.
    """

    def __init__(self, count: int):
        """count: N. The initial weights come from torch's global generator."""
        super().__init__()
        self.values = nn.Parameter(torch.rand(count))

    def __len__(self) -> int:
        return len(self.values)

    def forward(self) -> Tensor:
        with torch.no_grad():  # no gradient, as in the official code
            cut = self.values.clamp(min=0)
            length = torch.linalg.vector_norm(cut)
            # If a large step leaves no weight above 0, all weights restart equal. An `if` would synchronise the GPU.
            used = torch.where(length > 0, cut / length, len(self) ** -0.5)
            if not self.training:  # evaluation must not change the weights; in float32, dividing again would
                return used
            self.values.copy_(used)
        return self.values


class FeatureMapLoss(nn.Module):
    """coef * sum over feature layers of weight * distance; subclasses define the distance."""

    flag = ""  # the option that selects this loss

    def __init__(self, config: FeatureMapConfig, agents: Agents, *, learn_weights: bool = False):
        """Raises UsageError if the sender's encoder has no feature layers, or if there are more or fewer --sop-weights
        than feature layers."""
        super().__init__()
        feature_layers = agents.sender_encoder.feature_layers
        check_feature_layers(self.flag, feature_layers)
        weights = LearntWeights(len(feature_layers)) if learn_weights else config.sop_weights
        if weights is not None and len(weights) != len(feature_layers):
            raise UsageError(
                f"the number of --sop-weights ({len(weights)}) is not the number of this encoder's feature layers "
                f"({len(feature_layers)}).\n"
                f"Give one weight for each of {', '.join(feature_layers)}, in this order."
            )
        self.feature_layers = feature_layers
        self.weights = [1.0] * len(feature_layers) if weights is None else weights
        self.coef = config.sop_coef

    @property
    def always_zero(self) -> bool:
        return self.coef == 0 or not self.needed_layers

    @property
    def needed_layers(self) -> tuple[str, ...]:
        """The layers whose weight is not 0; all layers if the weights are learned."""
        if isinstance(self.weights, LearntWeights):
            return self.feature_layers
        return tuple(layer for layer, weight in self.layer_weights().items() if weight)

    def layer_weights(self) -> dict[str, float | Tensor]:
        """The weight of every layer, by its name."""
        weights = self.weights() if isinstance(self.weights, LearntWeights) else self.weights
        return dict(zip(self.feature_layers, weights, strict=True))

    def forward(self, play: Play) -> Tensor:
        """The loss, a scalar. `play` must contain the feature maps of `needed_layers`."""
        weights, distances = self.layer_weights(), self.distances(play, self.needed_layers)
        total = torch.zeros((), device=play.scores.device)
        for layer, distance in distances.items():
            total = total + weights[layer] * distance
        return self.coef * total

    def distances(self, play: Play, layers: Sequence[str]) -> dict[str, Tensor]:
        """The distance, a scalar, for each of `layers`, by its name."""
        raise NotImplementedError


class PerceptualLoss(FeatureMapLoss):
    """Distance between photo and sketch over the sender encoder's feature maps; the paper's equation 4.

    coef * mean over B of sum over layers of weight * mean over locations of |f(photo) - f(sketch)|^2, where f is the
    feature vector of a location, divided by the vector's length.
    """

    flag = "--sort-of-perceptual-loss"

    def __init__(self, config: PerceptualConfig, agents: Agents, **seeds: int):
        super().__init__(config, agents, learn_weights=config.learn_sop_weights)

    def distances(self, play: Play, layers: Sequence[str]) -> dict[str, Tensor]:
        assert play.sketch_encoding is not None
        photo_maps, sketch_maps = play.photo_encoding.feature_maps, play.sketch_encoding.feature_maps
        return {layer: map_distance(photo_maps[layer], sketch_maps[layer]) for layer in layers}


class LikeADogLoss(FeatureMapLoss):
    """The mean perceptual distance between every sketch and each of the given images; photos are not used.

    If training does not change the encoder's feature maps, the images are encoded once, and the cost of a step does not
    depend on their number. Otherwise, every step encodes all images. (The official code takes one image, and never
    encodes it again.)
    """

    flag = "--like-a-dog-loss"
    encoder: Encoder  # set by `look_with`
    images: Tensor

    def __init__(self, config: DogConfig, agents: Agents, **seeds: int):
        """The images are scaled and cropped to the size of the sketches. Raises UsageError if one cannot be read."""
        encoder = agents.sender_encoder
        images = _read_images(config.like_a_dog_image or (), encoder.channels, agents.decoder.image_size)
        super().__init__(config, agents)
        look_with(self, encoder)
        self.register_buffer("images", images, persistent=False)
        with torch.enable_grad():
            maps = self._look(images[:1])
        self._maps_are_trained = any(values.requires_grad for values in maps.values())
        self._kept: dict[str, tuple[Tensor, Tensor]] | None = None

    def distances(self, play: Play, layers: Sequence[str]) -> dict[str, Tensor]:
        if self._kept is None or self._maps_are_trained:
            with torch.no_grad():
                maps = self._look(self.images)
                self._kept = {layer: mean_and_spread(maps[layer]) for layer in layers}
        assert play.sketch_encoding is not None
        sketch_maps = play.sketch_encoding.feature_maps
        return {layer: distance_to_all(sketch_maps[layer], *self._kept[layer]) for layer in layers}

    def _look(self, images: Tensor) -> Mapping[str, Tensor]:
        """The images' feature maps; the encoder's running statistics do not change."""
        was_training = self.encoder.training
        self.encoder.eval()
        try:
            return self.encoder.encode(images, layers=self.feature_layers).feature_maps
        finally:
            self.encoder.train(was_training)


class CLIPLoss(nn.Module):
    """Distance between photo and random views of its sketch, after CLIPDraw (Frans et al. 2021): coef * mean(1 - cos).

    A view is a random perspective of the sketch, cropped at random; each sketch has four. cos is the cosine similarity
    of the flattened deepest feature maps of photo and view (the layer `CLIPvisual` of CLIPVisualEncoder). The mean is
    over sketches and views; the official code takes the sum, which is 4 * B times as large.
    """

    views = 4
    encoder: Encoder  # set by `look_with`

    def __init__(self, config: CLIPConfig, agents: Agents, *, seed: int, held_out_seed: int):
        """seed: seed of the training views. held_out_seed: seed of the evaluation views, which have the same
        perspectives and crops in every batch. Raises UsageError if the sender's encoder has no feature layers."""
        super().__init__()
        encoder = agents.sender_encoder
        check_feature_layers("--CLIP-loss", encoder.feature_layers)
        look_with(self, encoder)
        self.coef = config.CLIP_coef
        self.always_zero = self.coef == 0
        self.paper = 1.0 if agents.invert else 0.0  # the background of sketches
        self.layer = encoder.feature_layers[-1]
        self.needed_layers = (self.layer,)
        self._held_out_seed = held_out_seed
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, play: Play) -> Tensor:
        """The loss, a scalar."""
        generator = self.generator if self.training else torch.Generator().manual_seed(self._held_out_seed)
        views = random_views(play.sketches, self.views, generator, self.paper)
        seen = self.encoder.encode(views, layers=self.needed_layers, is_sketch=True)
        maps = seen.feature_maps[self.layer].flatten(1).unflatten(0, (-1, self.views))
        photos = play.photo_encoding.feature_maps[self.layer].flatten(1)[:, None]
        return self.coef * (1 - functional.cosine_similarity(photos, maps, dim=2)).mean()


def _read_images(files: Sequence[str], channels: int, size: int) -> Tensor:
    """float [K, channels, size, size] in 0..1: the pictures of K >= 1 files, each scaled and cropped to a square.

    Raises UsageError if a picture cannot be read.
    """
    scale = resize_and_crop(size)
    try:
        pictures = [to_tensor(scale(read_picture(file, channels, upright=True))) for file in files]
    except UsageError as error:
        raise UsageError(f"--like-a-dog-image: {error}") from error
    return to_unit_range(torch.stack(pictures))


def check_feature_layers(flag: str, feature_layers: Sequence[str]) -> None:
    """Raises UsageError if there are no feature layers to compare."""
    if not feature_layers:
        raise UsageError(
            f"{flag} compares an encoder's feature layers, and this encoder has none.\n"
            "Choose an encoder with feature layers: one whose name contains Backbone, or CLIPVisualEncoder.\n"
            f"If a preset or a configuration turns on {flag}, --no-{flag[2:]} turns it off."
        )


def look_with(loss: nn.Module, encoder: Encoder) -> None:
    """Sets `loss.encoder` without registering it as a submodule: its parameters belong to the agents."""
    object.__setattr__(loss, "encoder", encoder)  # nn.Module.__setattr__ would register it
