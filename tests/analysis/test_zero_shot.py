"""CLIP's embeddings of picture files and sentences against the model called by hand, and the closest sentence."""

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw.analysis.measures.zero_shot import closest, picture_embeddings, sentence_embeddings
from learning_to_draw.errors import UsageError
from learning_to_draw.models.encoders.clip import clip_text_tokens, load_clip

CPU = torch.device("cpu")
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


@pytest.fixture
def model(tiny_clip):
    torch.manual_seed(0)
    return load_clip(tiny_clip, pretrained=False)


def test_pictures_one_by_one_or_in_batches(model, tmp_path, monkeypatch):
    rng, paths, expected = np.random.default_rng(0), [], []
    for number, shape in enumerate([(32, 32, 3), (32, 32), (32, 32, 3), (20, 24, 3)]):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
        if number < 3:  # as large as the model sees them: no interpolation stands between
            colour = np.broadcast_to(pixels.reshape(32, 32, -1), (32, 32, 3)).transpose(2, 0, 1)
            expected.append((torch.from_numpy(colour / np.float32(255)) - MEAN) / STD)
    with torch.no_grad():
        seen = model.encode_image(torch.stack(expected))
    monkeypatch.setattr("learning_to_draw.analysis.measures.zero_shot.BATCH", 3)
    found = picture_embeddings(model, paths, CPU)
    assert torch.allclose(found[:3], seen / seen.norm(dim=1, keepdim=True), atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(4), atol=1e-5)
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"0\.png"):
        picture_embeddings(model, paths, CPU)


def test_sentences_one_by_one_or_in_batches(model, tiny_clip, monkeypatch):
    sentences = ["a photo of a cat.", "a drawing of a cat.", "a photo of a dog."]
    with torch.no_grad():
        alone = [model.encode_text(clip_text_tokens(tiny_clip, [sentence]))[0] for sentence in sentences]
    expected = torch.stack([embedding / embedding.norm() for embedding in alone])
    monkeypatch.setattr("learning_to_draw.analysis.measures.zero_shot.BATCH", 2)
    assert torch.allclose(sentence_embeddings(model, tiny_clip, sentences, CPU), expected, atol=1e-5)


def test_the_largest_cosine_wins():
    angles = torch.deg2rad(torch.tensor([0.0, 90, 180]))
    sentences = torch.stack([angles.cos(), angles.sin()], dim=1)
    seen = torch.deg2rad(torch.tensor([50.0, 40, 130, 140, -100]))
    pictures = torch.stack([seen.cos(), seen.sin()], dim=1)
    assert closest(pictures, sentences).tolist() == [1, 0, 1, 2, 2]
