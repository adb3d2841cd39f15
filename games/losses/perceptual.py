"""Losses over an encoder's feature maps: of photo and sketch, of sketches and given images, of photo and random views.

All of them look with the sender's encoder, and need a play whose feature maps were kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.map_distance import distance_to_all, map_distance, mean_and_spread
from learning_to_draw.games.losses.random_views import random_views
from learning_to_draw.models.agents import Play
from learning_to_draw.models.encoders.base import Encoder


class LearntWeights(nn.Module):
    """Weights that are trained with everything else, drawn from U(0, 1) at first: () -> float [N].

    For every use they are cut off at 0 and divided by their length, so that they cannot all vanish; in training they
    stay so. Every distance being positive, training moves their weight to the layers that differ least.
    """

    def __init__(self, count: int):
        """count: N. The first weights come from torch's global generator."""
        super().__init__()
        self.values = nn.Parameter(torch.rand(count))

    def __len__(self) -> int:
        return len(self.values)

    def forward(self) -> Tensor:
        with torch.no_grad():  # without a gradient, as officially
            cut = self.values.clamp(min=0)
            length = torch.linalg.vector_norm(cut)
            # Too long a step can leave none above 0: they start again as equals. An `if` would make a GPU wait.
            used = torch.where(length > 0, cut / length, len(self) ** -0.5)
            if not self.training:  # measuring changes nothing: dividing twice is not the same in float32
                return used
            self.values.copy_(used)
        return self.values


class FeatureMapLoss(nn.Module):
    """coef * sum over feature layers of weight * distance; which distance, the classes built on this say."""

    flag = ""  # the option that asks for this loss

    def __init__(
        self,
        feature_layers: Sequence[str],
        weights: Sequence[float] | LearntWeights | None = None,
        coef: float = 1.0,
    ):
        """feature_layers: the encoder's, in order. weights: one for each, 0 or more; None for 1 each.

        Raises UsageError for an encoder without feature layers, or another number of weights.
        """
        super().__init__()
        check_feature_layers(self.flag, feature_layers)
        if weights is not None and len(weights) != len(feature_layers):
            raise UsageError(
                f"--sop-weights gives {len(weights)} weight(s), but this encoder has {len(feature_layers)} feature "
                f"layer(s): {', '.join(feature_layers)}.\n"
                "Give one for each, or choose another --feature-layer."
            )
        self.feature_layers = tuple(feature_layers)
        self.weights = [1.0] * len(feature_layers) if weights is None else weights
        self.coef = coef

    @property
    def perceives(self) -> tuple[str, ...]:
        """The layers that count: all but those of weight 0."""
        if isinstance(self.weights, LearntWeights):
            return self.feature_layers
        return tuple(layer for layer, weight in self.layer_weights().items() if weight)

    def layer_weights(self) -> dict[str, float | Tensor]:
        """The weight of every layer, by its name."""
        weights = self.weights() if isinstance(self.weights, LearntWeights) else self.weights
        return dict(zip(self.feature_layers, weights, strict=True))

    def forward(self, play: Play) -> Tensor:
        """The loss, a scalar. `play` must have been played with feature maps kept."""
        weights, distances = self.layer_weights(), self.distances(play, self.perceives)
        total = torch.zeros((), device=play.scores.device)
        for layer, distance in distances.items():
            total = total + weights[layer] * distance
        return self.coef * total

    def distances(self, play: Play, layers: Sequence[str]) -> dict[str, Tensor]:
        """A scalar for each of `layers`, by its name."""
        raise NotImplementedError


class PerceptualLoss(FeatureMapLoss):
    """Distance between photo and sketch over the sender encoder's feature maps; the paper's equation 4.

    coef * mean over B of sum over layers of weight * the spatial mean of |f(photo) - f(sketch)|^2, each location's
    feature vector f having been divided by its length.
    """

    flag = "--sort-of-perceptual-loss"

    def distances(self, play: Play, layers: Sequence[str]) -> dict[str, Tensor]:
        photo, drawn = play.photo.feature_maps, play.drawn.feature_maps
        return {layer: map_distance(photo[layer], drawn[layer]) for layer in layers}


class LikeADogLoss(FeatureMapLoss):
    """The perceptual distance between every sketch and given images, mean over the images; no photo comes into it.

    What one step costs does not depend on the number of images, unless the encoder's feature maps are trained: they
    then pass it at every step. (The official code takes one image, and keeps its maps when they are long out of date.)
    """

    flag = "--like-a-dog-loss"

    def __init__(
        self,
        encoder: Encoder,
        images: Tensor,
        weights: Sequence[float] | None = None,
        coef: float = 1.0,
    ):
        """encoder: the sender's. images: float [K, 1 or 3, S, S] in 0..1, as large as the sketches."""
        super().__init__(encoder.feature_layers, weights, coef)
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
        drawn = play.drawn.feature_maps
        return {layer: distance_to_all(drawn[layer], *self._kept[layer]) for layer in layers}

    def _look(self, images: Tensor) -> Mapping[str, Tensor]:
        """The images' feature maps, by a look that leaves no trace in the encoder's batch statistics."""
        was_training = self.encoder.training
        self.encoder.eval()
        try:
            return self.encoder.look(images, maps=self.feature_layers).feature_maps
        finally:
            self.encoder.train(was_training)


class CLIPLoss(nn.Module):
    """How unlike a photo random views of its sketch are, after CLIPDraw (Frans et al. 2021): coef * mean of 1 - cos.

    Every sketch is seen in four random perspectives, each cropped at random; cos is the cosine between the photo's and
    the view's deepest feature map, all locations together: `CLIPvisual` with CLIPVisualEncoder. Mean over pictures and
    views, where the official code takes the sum, which is 4 * B times as much.
    """

    views = 4

    def __init__(self, encoder: Encoder, coef: float = 1.0, *, paper: float, seed: int, held_out_seed: int):
        """encoder: the sender's. paper: 0 or 1, what sketches are drawn on. seed: of the views in training;
        held_out_seed: of those in evaluation, which are the same for every batch.

        Raises UsageError for an encoder without feature layers.
        """
        super().__init__()
        check_feature_layers("--CLIP-loss", encoder.feature_layers)
        look_with(self, encoder)
        self.coef = coef
        self.paper = paper
        self.layer = encoder.feature_layers[-1]
        self.perceives = (self.layer,)
        self._held_out_seed = held_out_seed
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, play: Play) -> Tensor:
        """The loss, a scalar."""
        generator = self.generator if self.training else torch.Generator().manual_seed(self._held_out_seed)
        views = random_views(play.sketches, self.views, generator, self.paper)
        seen = self.encoder.look(views, maps=self.perceives, drawn=True)
        maps = seen.feature_maps[self.layer].flatten(1).unflatten(0, (-1, self.views))
        photos = play.photo.feature_maps[self.layer].flatten(1)[:, None]
        return self.coef * (1 - functional.cosine_similarity(photos, maps, dim=2)).mean()


def check_feature_layers(flag: str, feature_layers: Sequence[str]) -> None:
    """Raises UsageError where there are none to compare."""
    if not feature_layers:
        raise UsageError(
            f"{flag} compares an encoder's feature layers, and this encoder has none.\n"
            "Choose an encoder with feature layers: one whose name has Backbone in it, or CLIPVisualEncoder."
        )


def look_with(loss: nn.Module, encoder: Encoder) -> None:
    """Gives a loss an `encoder` whose parameters are the agents', and must not be counted as its own, too."""
    object.__setattr__(loss, "encoder", encoder)  # nn.Module's own way would register it
