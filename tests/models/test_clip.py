"""CLIP through open_clip: OpenAI's architecture, its inputs, and the error without open_clip."""

import sys

import pytest
import torch
import torch.nn.functional as F

from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.clip import clip_input, clip_text_tokens, fit_to_tower, load_clip

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


def test_the_architecture_is_openais(tiny_clips):
    model = load_clip(tiny_clips[0], pretrained=False)
    values = torch.linspace(-3, 3, 20)
    for activation in (model.visual.transformer.resblocks[0].mlp.gelu, model.transformer.resblocks[0].mlp.gelu):
        assert torch.allclose(activation(values), values * torch.sigmoid(1.702 * values), atol=1e-6)
    assert not model.training
    assert all(weight.dtype == torch.float32 for weight in model.parameters())


def test_texts_become_clips_tokens():
    pytest.importorskip("open_clip")
    tokens = clip_text_tokens("ViT-B/32", ["a photo of a cat", "", "a " * 100])
    assert tokens.shape == (3, 77)
    assert tokens.dtype == torch.int64
    start, end = 49406, 49407
    assert tokens[0].tolist() == [start, 320, 1125, 539, 320, 2368, end] + [0] * 70
    assert tokens[1].tolist() == [start, end] + [0] * 75
    assert tokens[2].tolist() == [start] + [320] * 75 + [end]


def test_texts_and_pictures_pass_the_model(tiny_clips):
    model = load_clip(tiny_clips[1], pretrained=False)
    pictures = torch.rand(2, 1, 20, 20, requires_grad=True)
    seen = model.encode_image(clip_input(model, pictures))
    assert seen.shape == model.encode_text(clip_text_tokens("RN50", ["a cat", "a dog"])).shape == (2, 16)
    seen.sum().backward()
    assert pictures.grad.abs().sum() > 0


@pytest.mark.parametrize(("which", "size"), [(0, 32), (1, 64)])
def test_pictures_are_resized_and_normalised(tiny_clips, which, size):
    torch.manual_seed(0)
    model = load_clip(tiny_clips[which], pretrained=False)
    pictures = torch.rand(2, 3, size, size)
    assert fit_to_tower(model.visual, pictures) is pictures
    assert torch.allclose(clip_input(model, pictures), (pictures - MEAN) / STD, atol=1e-6)
    # Black and white blocks: bicubic interpolation of their edges overshoots 0 and 1.
    blocks = (torch.arange(6) % 2).float().expand(1, 1, 6, 6)
    shown = clip_input(model, blocks)
    assert shown.shape == (1, 3, size, size)
    grey = shown * STD + MEAN
    assert torch.allclose(grey, grey[:, :1], atol=1e-6)
    assert grey.min().item() == pytest.approx(0, abs=1e-6)
    assert grey.max().item() == pytest.approx(1, abs=1e-6)
    larger = torch.rand(1, 3, 100, 80)
    expected = F.interpolate(larger, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
    assert torch.allclose(clip_input(model, larger), (expected - MEAN) / STD, atol=1e-5)


def test_weights_that_cannot_be_had(tmp_path, monkeypatch):
    pytest.importorskip("open_clip")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="OpenAI's weights of CLIP RN50 are not available") as raised:
        load_clip("RN50")
    assert f"Looked for timm/resnet50_clip.openai in {tmp_path}" in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 5


def test_damaged_weights_are_named_with_the_advice_to_delete_them(tmp_path, monkeypatch, tiny_clips):
    import open_clip

    path = tmp_path / "open_clip_model.safetensors"
    path.write_bytes(b"<html>Log in to the network</html>")
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: {})  # there is no network here to download from
    monkeypatch.setattr(open_clip, "download_pretrained", lambda _: str(path))
    with pytest.raises(UsageError, match=f"CLIP's weights {path} is damaged: .*\nDelete it to download it again, "):
        load_clip(tiny_clips[0])


def test_a_name_that_is_none():
    pytest.importorskip("open_clip")
    with pytest.raises(UsageError, match=r"no network ViT-Z/1\.\nChoose one of RN50, .*ViT-B/16"):
        load_clip("ViT-Z/1", pretrained=False)


def test_without_open_clip_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)  # makes the import fail
    for use in (lambda: load_clip("RN50"), lambda: clip_text_tokens("RN50", ["a cat"])):
        with pytest.raises(UsageError, match=r"pip install open_clip_torch"):
            use()
