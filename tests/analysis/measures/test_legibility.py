"""Classes as a small CLIP of random weights sees them, one picture at a time."""

import numpy as np
import torch
from PIL import Image

from learning_to_draw.analysis.measures.legibility import Clip
from learning_to_draw.models.encoders.clip import clip_input, clip_text_tokens, load_clip


def test_the_closest_sentence_says_the_class(tmp_path, tiny_clip):
    torch.manual_seed(1)
    model, classes = load_clip(tiny_clip, pretrained=False), ["cat", "dog", "owl", "ship", "truck", "horse"]
    pictures = np.random.default_rng(0).integers(0, 256, (12, 1, 1, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    paths = [tmp_path / f"{number}.png" for number in range(12)]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    seen = Clip(tiny_clip, model, torch.device("cpu")).seen_classes(paths, classes, "a drawing of a {}.")

    tokens = clip_text_tokens(tiny_clip, [f"a drawing of a {name}." for name in classes])
    with torch.no_grad():
        meanings = model.encode_text(tokens)
        for pixels, name in zip(pictures, seen, strict=True):
            picture = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
            scores = torch.cosine_similarity(model.encode_image(clip_input(model, picture)), meanings)
            assert classes[int(scores.argmax())] == name
    assert len(set(seen)) > 1  # or nothing was tested
