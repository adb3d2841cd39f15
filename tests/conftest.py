"""Shared by all tests: settings for running in several processes, and fixtures that several folders use."""

import atexit
import copy
import logging
import os
import shutil
import tempfile

import pytest

from learning_to_draw.console import LOGGERS

# Set before torch is imported. Workers and their subprocesses share the cores: one thread each, no spin-waiting.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests neither read nor write the user's own caches and settings.
_HOME = tempfile.mkdtemp(prefix="learning-to-draw-tests-")
os.environ |= {"XDG_CACHE_HOME": f"{_HOME}/cache", "XDG_CONFIG_HOME": f"{_HOME}/config"}
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)


def pytest_terminal_summary(terminalreporter, config):
    """Reports that slow tests were skipped, and how to run them."""
    if config.option.markexpr == "not slow":
        terminalreporter.write_line('The slow tests were skipped. Run them with -m slow, or all tests with -m "".')


def pytest_collection_modifyitems(items):
    """Skips the tests marked gpu if torch finds no GPU."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch  # only here: it takes seconds

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a GPU"))


@pytest.fixture(autouse=True)
def _fresh_loggers():
    """Resets the loggers for caplog: no handlers, everything propagates. A command that ran before has changed them."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


@pytest.fixture
def small_clip_network(tmp_path):
    """Replaces open_clip's ViT-B-32 by one with twelve blocks as well, but of width 32 and for pictures of 32 px."""
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
