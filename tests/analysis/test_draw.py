"""Photos drawn by untrained agents from their checkpoints: pictures against what the agents themselves give."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

import learning_to_draw
from learning_to_draw.analysis.draw.draw import draw, growing, save_animation
from learning_to_draw.analysis.draw.options import add_draw_options
from learning_to_draw.datasets import DATASETS
from learning_to_draw.datasets.given_pictures import as_seen
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import TotalLoss
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.pair import pictures_of
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.records.svg import svg
from learning_to_draw.trials.tool import AgentsTool
from learning_to_draw.trials.trained import configure_test

TOOL = AgentsTool("analysis.draw.draw:draw", "", "", add_draw_options)
GREY = ["--image-size", "16", "--encoder", "SimpleMLPEncoder", "--latent-size", "16", "--stroke-spread", "1"]
WAYS = {
    "lines": [*GREY, "--nlines", "3"],
    "black on white": [*GREY, "--nlines", "3", "--invert", "--contrast", "0.7"],
    "widths": [*GREY, "--nlines", "6", "--stroke-widths", "chosen", "--stroke-gates"],
    "connections": [*GREY, "--decoder", "SinglePassPolyConnectDecoder", "--npoints", "3"],
    "recurrent": [*GREY, "--decoder", "RecurrentSimpleLineDecoder", "--nlines", "2", "--steps", "3"],
    "curves": [word for word in GREY if word not in ("--stroke-spread", "1")]
    + ["--decoder", "RNNBezierDecoder", "--steps", "3"],
    "colour": ["--dataset", "STL10", "--encoder", "SimpleMLPEncoder", "--latent-size", "16", "--image-size", "20"]
    + ["--decoder", "SinglePassColouredPointsDecoder", "--npoints", "4", "--stroke-spread", "1"],
}


@pytest.fixture
def trained(tmp_path):
    """trained(way) -> the pair of that way, saved as tmp_path/way.pt and read back."""

    def make(way):
        config, path = parse("train", WAYS[way]), tmp_path / f"{way}.pt"
        torch.manual_seed(0)
        agents = build_agents(config.agents, pictures_of(config.dataset))
        if way == "widths":
            for head in (agents.decoder.width_head, agents.decoder.gate_head):
                torch.nn.init.normal_(head.weight, std=3)
                head.bias.data = torch.linspace(-2, 3, len(head.bias))
        loss, optimizer = TotalLoss(config.loss.build(), {}), torch.optim.Adam(agents.parameters())
        save_checkpoint(path, agents, loss, optimizer, config.values(), 0, [])
        return learning_to_draw.load(path)

    return make


@pytest.fixture
def photo(tmp_path):
    """A grey photo, 40 x 30 px, brighter from the left to the right."""
    path = tmp_path / "cat.jpg"
    Image.fromarray(np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))).save(path, quality=95)
    return path


def run(*arguments):
    return TOOL.run("draw", [str(argument) for argument in arguments])


def pixels(path, box=None):
    with Image.open(path) as picture:
        return np.asarray(picture.crop(box) if box else picture)


def as_levels(pictures):
    """float [C, H, W] in 0..1 as uint8 [H, W, 3]."""
    return np.broadcast_to(pictures.mul(255).round().to(torch.uint8).permute(1, 2, 0), (*pictures.shape[1:], 3))


@torch.no_grad()
@pytest.mark.parametrize("way", WAYS)
def test_files_hold_what_the_sender_draws_in_a_game(way, trained, photo, tmp_path):
    agents = trained(way).agents
    size, channels = (20, 3) if way == "colour" else (16, 1)
    told = run(photo, "--weights", tmp_path / f"{way}.pt", "--output", tmp_path / "out", "--scale", 3, "--animate")
    seen = as_seen(photo, size, channels)
    play = agents(seen, torch.zeros(1, 1, dtype=torch.int64), 1)
    sketch = as_levels(play.sketches[0])
    assert len(np.unique(sketch)) > 5

    gap, side = 6, 3 * size  # each picture's pixels are 3 x 3, between grey lines
    sheet = pixels(tmp_path / "out" / "cat.png")
    assert sheet.shape == (side + 2 * gap, 2 * side + 3 * gap, 3)
    assert (sheet[:gap] == 128).all()
    for left, expected in ((gap, as_levels(seen[0])), (side + 2 * gap, sketch)):
        assert np.array_equal(sheet[gap:-gap, left : left + side], expected.repeat(3, 0).repeat(3, 1))

    strokes, decoder = play.strokes, agents.decoder
    inks = None if strokes.intensities is None else strokes.intensities[0]
    sigma2 = strokes.sigma2[0] if way == "widths" else strokes.sigma2
    expected = svg(strokes.points[0], sigma2, size, inks, way == "black on white", decoder.contrast)
    assert (tmp_path / "out" / "cat.svg").read_text() == expected

    with Image.open(tmp_path / "out" / "cat.gif") as animation:
        assert animation.size == (side, side)
        assert animation.info["loop"] == 0
        animation.seek(animation.n_frames - 1)
        assert animation.info["duration"] == 2000
        if way != "colour":  # a GIF has 256 colours, enough for all greys
            assert np.array_equal(np.asarray(animation.convert("RGB")), sketch.repeat(3, 0).repeat(3, 1))
    drawn = strokes.points.shape[1] if inks is None else int((inks > 0).any(dim=1).sum())
    assert (0 < drawn < 6) if way == "widths" else drawn == strokes.points.shape[1]
    assert f"cat.jpg: {drawn} strokes" in told
    assert f"{size} x {size} pixels, {'in colour' if way == 'colour' else 'grey'}." in told
    assert all(str(tmp_path / "out" / f"cat.{kind}") in told for kind in ("png", "svg", "gif"))


@torch.no_grad()
@pytest.mark.parametrize("way", WAYS)
def test_an_animation_begins_with_paper_and_gains_a_stroke_at_a_time(way, trained):
    pair = trained(way)
    drawing = pair.draw(torch.rand(1, pair.channels, pair.image_size, pair.image_size))
    frames = [np.asarray(frame, dtype=float) for frame in growing(pair, drawing)]
    assert len(frames) == int(drawing.drawn.sum()) + 1
    assert (len(frames) < 7) if way == "widths" else (len(frames) == drawing.points.shape[1] + 1)
    white = way == "black on white"
    assert (frames[0] == (255 if white else 0)).all()
    for before, after in pairwise(frames):
        assert ((after <= before) if white else (after >= before)).all()
    last = drawing.sketches[0].transpose(1, 2, 0) * 255
    assert np.abs(frames[-1].reshape(last.shape) - last).max() <= 0.501
    if way == "lines":
        alone = draw_lines(torch.from_numpy(drawing.points[:, :1]), 16, drawing.sigma2)[0, 0].mul(255).numpy()
        assert np.abs(frames[1] - alone).max() <= 0.501
        assert frames[1].max() > 100


@pytest.mark.parametrize(
    ("strokes", "times"), [(3, [300] * 3), (59, [100] * 59), (200, [40] * 200)], ids=["few", "some", "many"]
)
def test_an_animation_takes_seconds_whatever_the_number_of_strokes(strokes, times, tmp_path):
    pictures = [Image.new("L", (2, 2), level) for level in range(strokes + 1)]
    save_animation(tmp_path / "a.gif", pictures, 1)
    with Image.open(tmp_path / "a.gif") as animation:
        found = []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            found.append(animation.info["duration"])
            assert animation.convert("L").getpixel((0, 0)) == frame
    assert found == [*times, 2000]


@pytest.mark.parametrize("name", DATASETS)
def test_size_and_channels_are_known_without_the_data_set(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grey = {"Digits": 32, "MNIST": 28, "KMNIST": 28, "ScaledMNIST": 256, "Omniglot": 105, "C28pxOmniglot": 28}
    grey |= {"QuickDraw": 256, "Jon_QuickDraw": 256}
    coloured = {"STL10": 96, "CIFAR10": 32, "CIFAR100": 32} | dict.fromkeys(
        ("Caltech101", "CelebA", "TinyImageNet", "StratifiedImageNet", "ImageFolder"), 64
    )
    found = pictures_of(configure("train", dataset=name).dataset)
    assert found.image_size == (grey | coloured).get(name, found.image_size) > 0
    assert found.channels in ((1,) if name in grey else (3,) if name in coloured else (1, 3))
    option = {"QuickDraw": "size", "Jon_QuickDraw": "size", "STL10": "image_size"}.get(name)
    if option:
        assert pictures_of(configure("train", dataset=name, **{option: 40}).dataset).image_size == 40
    assert list(tmp_path.iterdir()) == []


def test_an_official_checkpoint_needs_its_options(trained, photo, tmp_path):
    agents = trained("lines").agents
    official = {"torchbearer_version": "0.5.3", "model": agents.state_dict(), "history": [{}]}
    torch.save(official, tmp_path / "official.pt")
    arguments = [photo, "--weights", tmp_path / "official.pt", "--output", tmp_path / "out"]
    with pytest.raises(UsageError, match="contains no options"):
        run(*arguments)
    assert not (tmp_path / "out").exists()
    run(*arguments, *WAYS["lines"])
    run(photo, "--weights", tmp_path / "lines.pt", "--output", tmp_path / "ours")
    for name in ("cat.png", "cat.svg"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "ours" / name).read_bytes()


def test_nothing_is_overwritten(trained, photo, tmp_path):
    trained("lines")
    (tmp_path / "dog.png").write_bytes(photo.read_bytes())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dog.svg").write_text("mine")
    with pytest.raises(UsageError, match=r"dog\.svg already exists"):
        run(photo, tmp_path / "dog.png", "--weights", tmp_path / "lines.pt", "--output", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dog.svg"]
    run(photo, "--weights", tmp_path / "lines.pt", "--output", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cat.png", "cat.svg", "dog.svg"]
    assert (tmp_path / "out" / "dog.svg").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cat.jpg", "notes.txt"], r"notes\.txt: it cannot be read"),
        (["cat.jpg", "gone.jpg"], r"gone\.jpg cannot be drawn: there is no such file"),
        (["cat.jpg", "sub/CAT.png"], r"both be drawn to CAT\.png"),
        (["cat.jpg", "cat.jpg"], r"^cat\.jpg is given twice"),
        (["cat.jpg", "--output", "cat.jpg"], "is not a folder"),
        (["cat.jpg", "--output", "cat.jpg/out"], "cannot be created: Not a directory"),
        (["cat.jpg", "--out", "elsewhere"], "--output must not be abbreviated"),
        (["cat.jpg", "--swap-agents", "--weights-pair2", "lines.pt"], "--swap-agents has no effect on draw"),
        (["cat.jpg", "--scale", "600"], "Give at most 512"),
        (["cat.jpg", "--nlines", "4"], "does not fit the agents"),
        (["cat.jpg", "--npoints", "4"], "--npoints belongs to the decoder"),
        (["cat.jpg", "--nlimes", "4"], "Did you mean --nlines?"),
        (["--nlines", "3", "cat.jpg"], r"^--nlines is in the wrong place: PHOTO comes first, then the options"),
        (
            ["--separate-encoders", "cat.jpg"],
            r"^--separate-encoders is in the wrong place: PHOTO comes first, then the options",
        ),
        (["cat.jpg", "--scale", "2", "sub/CAT.png"], r"CAT\.png is in the wrong place: PHOTO comes first"),
        ([], "required: PHOTO"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(arguments, told, trained, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained("lines")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "CAT.png").write_bytes(photo.read_bytes())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=told):
        run(*arguments, "--weights", "lines.pt")
    assert sorted(tmp_path.rglob("*")) == before


def test_one_path_object_given_twice_is_a_photo_given_twice(trained, photo, tmp_path):
    trained("lines")
    config = configure_test(tmp_path / "lines.pt")
    with pytest.raises(UsageError, match="is given twice"):
        draw([photo, photo], config, tmp_path / "drawn", 1, False, False)
    assert not (tmp_path / "drawn").exists()


def test_photos_may_follow_the_weights_and_a_dry_run_writes_nothing(trained, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained("lines")
    told = run("--weights", "lines.pt", "cat.jpg", "--dry-run", "--animate")
    assert told.splitlines()[1:] == ["drawings/cat.png", "drawings/cat.svg", "drawings/cat.gif"]
    assert not (tmp_path / "drawings").exists()
    run("--weights=lines.pt", "cat.jpg")
    assert sorted(path.name for path in (tmp_path / "drawings").iterdir()) == ["cat.png", "cat.svg"]


def test_a_photo_is_drawn_alike_whatever_else_is_drawn(trained, photo, tmp_path):
    trained("recurrent")
    (tmp_path / "dog.jpg").write_bytes(photo.read_bytes())
    config = configure_test(tmp_path / "recurrent.pt")
    draw([photo], config, tmp_path / "one", 1, False, False)
    draw([tmp_path / "dog.jpg", photo], config, tmp_path / "two", 1, False, False)
    assert (tmp_path / "one" / "cat.svg").read_text() == (tmp_path / "two" / "cat.svg").read_text()
    draw([photo], config, tmp_path / "negative", 1, False, True)
    assert (tmp_path / "negative" / "cat.svg").read_text() != (tmp_path / "one" / "cat.svg").read_text()


def test_the_help_page(capsys):
    with pytest.raises(SystemExit) as left:
        run("--help")
    assert left.value.code == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "python commgame.py draw PHOTO [PHOTO ...]" in page
    assert "(default: drawings)" in page
