"""Fixtures that tests of several folders share."""

import copy

import pytest


@pytest.fixture
def small_clip_network(tmp_path):
    """open_clip's ViT-B-32 with its twelve blocks, but 32 numbers wide and for pictures of 32 px."""
    open_clip = pytest.importorskip("open_clip")
    registered = copy.deepcopy(open_clip.factory._MODEL_CONFIGS)
    config = open_clip.get_model_config("ViT-B-32")
    config["embed_dim"] = 16
    config["vision_cfg"] |= {"width": 32, "head_width": 16, "image_size": 32, "patch_size": 16}
    config["text_cfg"] |= {"width": 32, "heads": 2, "layers": 1, "vocab_size": 64}
    open_clip.factory._MODEL_CONFIGS["ViT-B-32"] = config
    yield
    open_clip.factory._MODEL_CONFIGS.clear()
    open_clip.factory._MODEL_CONFIGS.update(registered)
