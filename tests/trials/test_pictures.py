from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchbearer
from PIL import Image
from torchvision.utils import make_grid

from learning_to_draw.games.sampling import GameIndices
from learning_to_draw.models.agents import Meeting, Play
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.encoders.base import Encoding
from learning_to_draw.trials.loop.batches import Batch, PlayedBatch
from learning_to_draw.trials.loop.pictures import MOST_SKETCHES, EpochStrokes, PassPictures, played_games
from learning_to_draw.trials.records.gamelog import read_strokes
from learning_to_draw.trials.records.grids import first_pictures, grid
from learning_to_draw.trials.records.pictures import FRAME, LABEL_WIDTH, RIGHT, WRONG, draw_games, save_grid, to_bytes


def played(different=False):
    """Two games of three candidates, two senders each; the first sender of each is guessed right, the other wrong."""
    photos = (torch.arange(8.0) / 10).view(8, 1, 1, 1).expand(8, 1, 4, 4)
    candidates = torch.tensor([[0, 4, 1], [2, 3, 5]])
    targets = torch.tensor([0, 2, 0, 1]) if not different else torch.tensor([1, 2, 0, 2])
    scores = torch.zeros(4, 3)
    scores[0, targets[0]] = scores[2, targets[2]] = 1.0
    scores[1, 0] = scores[3, 0] = 1.0
    items = GameIndices(torch.arange(4), candidates, targets)
    sketches = torch.full((4, 1, 4, 4), 0.25)
    play = Play(scores, sketches, Strokes(torch.zeros(4, 1, 2, 2), 0.1), sketches, Encoding(torch.zeros(4, 1)), None)
    return Batch(photos, candidates, targets, items), play


def values(pictures):
    return (pictures[:, 0, 0, 0] * 10).round().long().tolist()


def test_what_was_seen_guessed_and_meant():
    games = played_games(*played(), most=100)
    assert values(games.photos) == [0, 1, 2, 3]
    assert values(games.targets) == [0, 1, 2, 3]
    assert values(games.guesses) == [0, 0, 2, 2]
    assert values(games.pool) == [0, 4, 1, 2, 3, 5]
    assert games.right.tolist() == [True, False, True, False]
    different = played_games(*played(different=True), most=3)
    assert values(different.targets) == [4, 1, 2]
    assert len(different) == 3


def test_grids_have_the_official_layout(tmp_path):
    save_grid(tmp_path / "grid.png", torch.linspace(0, 1, 11).view(11, 1, 1, 1).expand(11, 1, 5, 5))
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.mode == "RGB"
        assert picture.size == (8 * 7 + 2, 2 * 7 + 2)
        pixels = np.asarray(picture)
    assert (pixels[0] == 0).all()  # the padding stays black
    assert (pixels[9:14, 2 + 2 * 7 : 7 + 2 * 7] == 255).all()  # the eleventh picture: second row, third column


@pytest.mark.parametrize(("count", "per_row"), [(2, 8), (8, 8), (9, 8), (3, 1)])
def test_grids_are_those_of_torchvision(count, per_row):
    pictures = torch.rand(count, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(grid(pictures, per_row), make_grid(pictures, nrow=per_row, padding=2))


def test_eight_bit_photos_come_back_as_they_were():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(levels.float() / 255), levels)
    assert to_bytes(torch.tensor([-0.2, 1.3])).tolist() == [0, 255]


def test_right_guesses_are_framed_green_and_wrong_ones_red():
    sheet = np.asarray(draw_games(played_games(*played(), most=4)))
    step = sheet.shape[0] // 3  # photo, sketch, guess
    side = step - 2 * FRAME - 4
    frame_row = 2 * step + 2
    for column, right in enumerate((True, False, True, False)):
        left = LABEL_WIDTH + column * step
        assert tuple(sheet[frame_row, left + side // 2]) == (RIGHT if right else WRONG)
    with_target = draw_games(played_games(*played(different=True), most=4))
    assert with_target.height == 4 * step


@pytest.mark.parametrize("wanted", [3, 100])
def test_grids_are_written_for_passes_of_any_length(tmp_path, wanted):
    callback = PassPictures(tmp_path, wanted, "val", "val_reconstruction_samples_{epoch:02d}.png")
    batch, play = played()
    state = {torchbearer.X: batch, torchbearer.Y_PRED: PlayedBatch(play, {}), torchbearer.EPOCH: 7}
    callback.on_start_validation(state)
    callback.on_step_validation(state)
    callback.on_step_validation(state)
    callback.on_end_validation(state)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "val_games.png",
        "val_reconstruction_samples_07.png",
        "val_samples.png",
        "val_samples_targets_gameorder.png",
        "val_samples_targets_matchedorder.png",
    ]
    shown = min(wanted, 8)
    for name in ("val_samples.png", "val_samples_targets_gameorder.png"):  # each batch has more candidates than turns
        with Image.open(tmp_path / name) as grid:
            assert grid.size == (shown * 6 + 2, 6 + 2)


@pytest.mark.parametrize(("wanted", "kept"), [(3, 3), (100, MOST_SKETCHES)])
def test_strokes_of_the_first_sketches_are_kept_after_every_epoch(tmp_path, wanted, kept):
    callback, numbers = EpochStrokes(tmp_path, wanted), torch.Generator().manual_seed(0)
    for epoch in (0, 7):
        callback.on_start_validation({})
        points, inks = torch.randn(24, 5, 2, 2, generator=numbers), torch.rand(24, 5, 3, generator=numbers)
        for start in range(0, 24, 6):
            part = Strokes(points[start : start + 6], 0.25, inks[start : start + 6])
            play = Play(torch.zeros(6, 3), torch.zeros(6), part, torch.zeros(6), Encoding(torch.zeros(6, 1)), None)
            for meeting in (Meeting(), Meeting(1, 0)):  # of a population, only the first sender's are kept
                batch = SimpleNamespace(meeting=meeting)
                callback.on_step_validation({torchbearer.X: batch, torchbearer.Y_PRED: PlayedBatch(play, {})})
        callback.on_end_validation({torchbearer.EPOCH: epoch})
        strokes = read_strokes(tmp_path / f"val_strokes_{epoch:02d}.npz", kept)
        assert (strokes.points == points[:kept].numpy()).all()
        assert (strokes.intensities == inks[:kept].numpy()).all()
        assert strokes.sigma2 == 0.25
    assert sorted(path.name for path in tmp_path.iterdir()) == ["val_strokes_00.npz", "val_strokes_07.npz"]


@pytest.mark.parametrize(("pictures", "count"), [(1, 1), (5, 5), (8, 8), (11, 11), (20, 16), (100, 9)])
def test_pictures_of_a_grid_come_back_as_they_were(pictures, count):
    levels = torch.rand(pictures, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    sheet = to_bytes(grid(levels)).permute(1, 2, 0).numpy()
    found = first_pictures(sheet, count)
    assert len(found) == count
    for picture, level in zip(found, levels, strict=False):
        assert (picture == to_bytes(level).permute(1, 2, 0).numpy()).all()


def test_a_picture_of_another_size_is_no_grid_of_as_many():
    assert first_pictures(np.zeros((10, 66, 3), np.uint8), 9) is None  # one row only
    assert first_pictures(np.zeros((10, 67, 3), np.uint8), 8) is None
    assert first_pictures(np.zeros((2, 2, 3), np.uint8), 8) is None
