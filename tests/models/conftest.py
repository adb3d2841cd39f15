"""Fixtures that several tests of the models use."""

import json

import pytest

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
TINY_CLIPS = {
    "ViT-tiny": {"image_size": 32, "layers": 3, "width": 64, "patch_size": 8},
    "RN-tiny": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
}


@pytest.fixture(scope="session")
def tiny_clips(tmp_path_factory):
    """Names of CLIPs with a few thousand weights, registered in open_clip: a ViT at 32 px, a ResNet at 64 px."""
    open_clip = pytest.importorskip("open_clip")
    folder = tmp_path_factory.mktemp("clip")
    for name, vision in TINY_CLIPS.items():
        (folder / f"{name}.json").write_text(json.dumps({"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT}))
    open_clip.add_model_config(folder)
    return tuple(TINY_CLIPS)
