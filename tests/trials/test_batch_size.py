"""A batch size that the pictures cannot fill: it shrinks if nobody asked for it, and is an error otherwise."""

from dataclasses import replace

import pytest
import torch

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.build import fit_batches
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse

CPU = torch.device("cpu")


def config_of(*arguments):
    return parse("train", arguments)


def few(digits, **sizes):
    """The first digits 0, 1 and 2 of every split, as many as its size says."""

    def cut(split, size):
        return replace(split, items=split.items[split.item_labels < 3][:size])

    return replace(digits, splits={name: cut(digits.splits[name], size) for name, size in sizes.items()})


FEW = {"train": 44, "valid": 10, "test": 6}


@pytest.mark.parametrize(
    ("game", "sizes", "size", "split", "games"),
    [
        ("original", FEW, 6, "test", 1),
        ("original", {"train": 44, "valid": 40, "test": 40}, None, None, 1),
        ("original", {"train": 20, "valid": 30, "test": 25}, 20, "train", 1),
        ("original", {"test": 6}, 6, "test", 1),
        ("same", {**FEW, "train": 20}, 20, "train", 6),
        ("different", {**FEW, "train": 20}, 20, "train", 6),
        ("mixed", {**FEW, "train": 20}, 20, "train", 6),
        ("different", {**FEW, "train": 31}, None, None, 10),  # 30 pictures fill ten games
        ("different", {"test": 6}, None, None, 2),
    ],
)
def test_a_batch_size_that_nobody_asked_for_shrinks_to_the_smallest_split(
    digits, game, sizes, size, split, games, caplog
):
    caplog.set_level("INFO", "commgame")
    config = config_of("--game", game)  # Digits: 32
    pictures = few(digits, **sizes)
    fitted, batches = fit_batches(config, pictures, CPU)
    assert fitted.game.config.batch_size == (size or 32)
    assert fitted.sources["batch_size"] == (f"shrunk to the {split} split" if size else "data set Digits")
    assert len({played.sampler.candidates for played in batches.values()}) == 1
    assert next(iter(batches.values())).sampler.games == games
    said = [record.getMessage() for record in caplog.records]
    assert said == ([f"batch size     {size} instead of 32: the {split} split has {size} pictures"] if size else [])
    again, same = fit_batches(config_of("--game", game, f"--batch-size={size or 32}"), pictures, CPU)
    assert again.game.config.batch_size == (size or 32)
    for name in batches:
        for first, second in zip(batches[name].sampler, same[name].sampler, strict=True):
            assert torch.equal(first.candidates, second.candidates)


@pytest.mark.parametrize(
    ("game", "given", "told"),
    [
        ("original", 50, "--batch-size 50: the test split has 6 pictures.\nGive at most 6, or use more pictures."),
        ("original", 7, "--batch-size 7: the test split has 6 pictures.\nGive at most 6, or use more pictures."),
        ("same", 48, "--batch-size 48: the train split has 44 pictures.\nGive at most 44, or use more pictures."),
        ("different", 45, "--batch-size 45: the train split has 44 pictures.\nGive at most 44, or use more pictures."),
        ("mixed", 500, "--batch-size 500: the train split has 44 pictures.\nGive at most 44, or use more pictures."),
    ],
)
def test_a_batch_size_that_was_asked_for_is_an_error_with_the_largest_that_fits(digits, game, given, told):
    pictures, saved = few(digits, **FEW), {"dataset": "Digits", "object_oriented": game, "batch_size": given}
    for config in (
        config_of("--game", game, f"--batch-size={given}"),
        configure("train", game=game, batch_size=given),
        parse("train", [], saved, "config.json"),
        parse("train", ["--preset", "quick", "--dataset", "Digits"], saved, "model_final.pt"),
    ):
        with pytest.raises(UsageError) as error:
            fit_batches(config, pictures, CPU)
        assert str(error.value) == told
    most = told.split("at most ")[1].split(",")[0]
    fitted, _ = fit_batches(config_of("--game", game, f"--batch-size={most}"), pictures, CPU)
    assert fitted.sources["batch_size"] == "command line"


def test_a_split_of_one_picture_holds_no_original_game(digits):
    for arguments in ((), ("--batch-size", "5")):
        with pytest.raises(UsageError, match=r"the valid split has 1 picture\(s\), but a game needs 2 candidates"):
            fit_batches(config_of(*arguments), few(digits, train=44, valid=1, test=6), CPU)


def test_a_batch_size_that_nobody_asked_for_leaves_a_batch_for_every_process(digits, monkeypatch):
    monkeypatch.setattr("learning_to_draw.trials.loop.distributed.world_size", lambda: 3)
    for game, size in (("original", 14), ("same", 14)):
        fitted, batches = fit_batches(config_of("--game", game), few(digits, train=44, valid=30, test=30), CPU)
        assert fitted.game.config.batch_size == size
        assert len(batches["train"].sampler) >= 3
