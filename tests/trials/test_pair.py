"""A loaded pair: its drawings and scores against the agents' own games, and its rate against that of `test`."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

import learning_to_draw
from learning_to_draw import plugins
from learning_to_draw.datasets.digits import Digits
from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import PYTHON, complete, configure, options_of_run
from learning_to_draw.trials.pair import OF_A_TEST, OF_GAMES
from learning_to_draw.trials.records.checkpoints import save_checkpoint
from learning_to_draw.trials.test import test as play_test
from learning_to_draw.trials.trained import configure_test

SMALL = {"image_size": 16, "latent_size": 16, "stroke_spread": 1.0, "batch_size": 12}
LINES = {**SMALL, "nlines": 3, "encoder": "SimpleMLPEncoder"}
WAYS = {
    "shared": LINES,
    "separate": {**LINES, "encoder": "SmallCNNEncoder", "separate_encoders": True, "invert": True},
    "connections": {**SMALL, "encoder": "SimpleMLPEncoder", "decoder": "SinglePassPolyConnectDecoder", "npoints": 3},
    "contrast": {**LINES, "contrast": 1.5, "invert": True},
    "widths": {**LINES, "nlines": 6, "stroke_widths": "chosen", "stroke_gates": True},
    "colour": {"dataset": "STL10", "encoder": "SimpleMLPEncoder", "latent_size": 16, "image_size": 16}
    | {"decoder": "SinglePassColouredPointsDecoder", "npoints": 4, "stroke_spread": 1.0},
}
MANY = 70  # pictures: more than are encoded at a time


def save(path, **options):
    """The checkpoint of an untrained pair with these options."""
    config = configure("train", **options)
    torch.manual_seed(1)
    agents = build_agents(config.agents, Pictures({}, 16, 3 if config.dataset.name == "STL10" else 1))
    if options.get("stroke_gates"):
        for head in (agents.decoder.width_head, agents.decoder.gate_head):
            torch.nn.init.normal_(head.weight, std=3)
            head.bias.data = torch.linspace(-2, 3, len(head.bias))
    optimizer = torch.optim.Adam(agents.parameters())
    save_checkpoint(path, agents, TotalLoss(HingeLoss()), optimizer, config.values(), 0, [])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    for way, options in WAYS.items():
        save(folder / f"{way}.pt", **options)
    return folder


@pytest.fixture
def pair_of(folder):
    return lambda way: learning_to_draw.load(folder / f"{way}.pt")


def photos_for(pair, count=MANY):
    return torch.rand(count, pair.channels, 16, 16, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize("way", WAYS)
def test_draw_and_guess_are_the_two_steps_of_a_game(way, pair_of):
    pair = pair_of(way)
    photos = photos_for(pair)
    play = pair.agents(photos, torch.arange(MANY)[None], MANY)  # one game: every photo is the target once
    drawing = pair.draw(photos)
    np.testing.assert_allclose(drawing.points, play.strokes.points, atol=1e-6)
    np.testing.assert_allclose(drawing.sketches, play.sketches, atol=1e-5)
    assert np.array_equal(drawing.photos, photos)
    assert (drawing.intensities is None) == (play.strokes.intensities is None)
    if drawing.intensities is not None:
        np.testing.assert_allclose(drawing.intensities, play.strokes.intensities, atol=1e-6)
    scores = pair.guess(drawing.sketches, photos)
    assert scores.shape == (MANY, MANY)
    np.testing.assert_allclose(scores, play.scores, atol=1e-4)

    candidates = torch.tensor([[2, 0, 5], [4, 1, 3]])  # each sketch has its own
    play = pair.agents(photos[:6], candidates, 2)
    for own in ([list(photos[rows]) for rows in candidates], [photos[rows] for rows in candidates], photos[candidates]):
        np.testing.assert_allclose(pair.guess(drawing.sketches[:2], own), play.scores, atol=1e-4)


@pytest.mark.parametrize("way", ["shared", "connections", "colour"])
def test_one_drawing_of_several(way, pair_of):
    pair = pair_of(way)
    photos = photos_for(pair, 3)
    drawing = pair.draw(photos)
    assert (len(drawing), len(drawing[1:]), len(drawing[-1]), len(list(drawing))) == (3, 2, 1, 3)
    alone = pair.draw(photos[2])
    for name in ("points", "sketches", "photos", "widths"):
        assert getattr(drawing, name).dtype == np.float32
        np.testing.assert_allclose(getattr(drawing[2], name), getattr(alone, name), atol=1e-6)
    assert drawing[2].svg() == drawing[-1].svg()
    with pytest.raises(IndexError):
        drawing[3]
    with pytest.raises(UsageError, match=r"3 sketches.*\n.*drawing\[0\]"):
        drawing.svg()


def test_the_points_and_the_width_are_where_the_ink_is(pair_of):
    drawing = pair_of("shared").draw(photos_for(pair_of("shared"), 1))
    again = draw_lines(torch.from_numpy(drawing.points), 16, drawing.sigma2)
    np.testing.assert_allclose(drawing.sketches, again, atol=1e-6)
    assert drawing.widths.shape == (1, 3)
    row = torch.tensor([[[[0.0, -1.0], [0.0, 1.0]]]])  # a line through the middle, and a pixel every 1 / 500
    ink = draw_lines(row, 1001, drawing.sigma2)[0, 0, :, 500]
    assert (ink >= 0.5).sum() / 500 == pytest.approx(float(drawing.widths[0, 0]), abs=3e-3)


def test_every_stroke_has_its_own_width_and_may_be_left_out(pair_of):
    drawing = pair_of("widths").draw(photos_for(pair_of("widths")))
    assert drawing.sigma2.shape == drawing.widths.shape == drawing.drawn.shape == (MANY, 6)
    assert 0 < drawing.drawn.mean() < 1
    for number, (sigma2, drawn) in enumerate(zip(drawing.sigma2[:8], drawing.drawn[:8], strict=True)):
        paper = np.ones((1, 16, 16))
        for stroke in drawn.nonzero()[0]:
            line = torch.from_numpy(drawing.points[number, stroke])[None, None]
            paper *= 1 - draw_lines(line, 16, float(sigma2[stroke]))[0].numpy()
        np.testing.assert_allclose(drawing.sketches[number], 1 - paper, atol=1e-5)
        looks = [element.attrib for element in ElementTree.fromstring(drawing[number].svg()).iter()]
        lines = [look for look in looks if "x1" in look]
        widths = drawing.widths[number, drawn] * 15 / 2
        np.testing.assert_allclose([float(line["stroke-width"]) for line in lines], widths, atol=1e-3)


def test_a_drawing_is_saved_and_shown(pair_of, tmp_path):
    drawing = pair_of("separate").draw(photos_for(pair_of("separate"), 2))
    first = drawing[0]
    first.save(tmp_path / "a.svg")
    first.save(str(tmp_path / "a.png"))
    drawing.save(tmp_path / "both.png")
    assert (tmp_path / "a.svg").read_text() == first.svg()
    assert ElementTree.fromstring(first.svg()).attrib["width"] == "16"
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), np.round(first.sketches[0, 0] * 255))
    with Image.open(tmp_path / "both.png") as picture:
        sheet = np.asarray(picture)[..., 0]
    assert np.array_equal(sheet[2:18, 20:36], np.round(drawing.sketches[1, 0] * 255))
    with pytest.raises(UsageError, match=r"a\.svg already exists"):
        first.save(tmp_path / "a.svg")
    drawing[1].save(tmp_path / "a.svg", overwrite=True)
    assert (tmp_path / "a.svg").read_text() == drawing[1].svg()
    with pytest.raises(UsageError, match=r"must end in \.svg or \.png"):
        first.save(tmp_path / "a.gif")
    assert drawing._repr_html_().count("<img") == 2
    assert repr(drawing) == "<Drawing: points [2, 3, 2, 2], sketches [2, 1, 16, 16]>"


def test_light_and_dark_are_swapped_on_request(pair_of):
    pair = pair_of("shared")
    photos = photos_for(pair, 3)
    assert np.array_equal(pair.see(photos, negative=True), 1 - photos.numpy())
    sketches = pair.draw(photos).sketches
    assert np.array_equal(pair.guess(1 - sketches, photos, negative=True), pair.guess(1 - (1 - sketches), photos))


@pytest.mark.parametrize(
    ("candidates", "told"),
    [
        ([["a"], ["b"], ["c"]], "sketches: 2; lists: 3; candidates per list: 1"),
        ([np.zeros((2, 1, 4, 4)), np.zeros((3, 1, 4, 4))], "lists: 2; candidates per list: 2, 3"),
        ([], "list of images is empty"),
        ([[], []], "list of images is empty"),
        (np.zeros((1, 2, 1, 4, 4)), "lists: 1; candidates per list: 2"),
    ],
)
def test_candidates_that_fit_no_game_are_refused(candidates, told, pair_of):
    with pytest.raises(UsageError, match=told):
        pair_of("shared").guess(np.zeros((2, 1, 16, 16)), candidates)


@pytest.mark.parametrize(
    "options", [{}, {"game": "different", "num_targets": 4}, {"batch_size": 20, "data_seed": 7, "loss": "CELoss"}]
)
def test_play_is_what_test_measures(options, folder, pair_of, tmp_path, monkeypatch):
    tested = play_test(configure_test(folder / "separate.pt", output=str(tmp_path / "tested"), **options))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    pair = pair_of("separate")
    for _ in range(2):
        played = pair.play(**options)
        for name in ("communication_rate", "interval", "chance", "games", "candidates", "loss"):
            assert getattr(played, name) == getattr(tested, name)
    assert list((tmp_path / "empty").iterdir()) == []


def test_play_a_split(pair_of, tmp_path):
    pair, digits = pair_of("shared"), Digits(configure("train", image_size=16).dataset.config)
    assert pair.play(digits.split("test")) == pair.play()
    played = pair.play(digits.split("train"))  # all 1257 pictures as they are, in 104 games of 12
    assert (played.games, played.candidates) == (1248, 12)
    assert pair.play(digits.split("train")) == played


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nlines": 3}, "play does not take nlines"),
        ({"device": "cpu"}, "play does not take device"),
        ({"allow_trained": True, "swap_agents": True}, "play does not take swap_agents"),
        ({"batch_sise": 3}, "Did you mean --batch-size"),
        ({"image_size": 20}, r"shape \[1, 20, 20\], but the agents see \[1, 16, 16\]"),
        ({"dataset": "CIFAR10", "dataset_root": "/nowhere"}, r"shape \[3, 32, 32\]"),
    ],
)
def test_play_refuses_what_the_agents_cannot_play(options, told, pair_of):
    with pytest.raises(UsageError, match=told):
        pair_of("shared").play(**options)


def test_a_split_has_no_options_of_a_data_set(pair_of):
    pair, split = pair_of("shared"), Digits().split("test")
    with pytest.raises(UsageError, match="play does not take image_size"):
        pair.play(split, image_size=32)
    with pytest.raises(UsageError, match=r"shape \[1, 32, 32\]"):
        pair.play(split)


def test_a_folder_stands_for_its_final_checkpoint(tmp_path):
    for name in ("model_9.pt", "model_19.pt"):
        save(tmp_path / name, **LINES)
    with pytest.raises(UsageError, match=r"no model_final\.pt.*\n.*model_19\.pt"):
        learning_to_draw.load(tmp_path)
    (tmp_path / "model_19.pt").rename(tmp_path / "model_final.pt")
    pair = learning_to_draw.load(str(tmp_path), device="cpu")
    assert (pair.weights, pair.device) == (tmp_path / "model_final.pt", torch.device("cpu"))
    assert repr(pair) == f"<Pair {tmp_path / 'model_final.pt'}: it sees 16 x 16 pixels, grey>"
    assert not pair.agents.training


def test_official_checkpoints_need_options(folder, pair_of, tmp_path):
    pair = pair_of("separate")
    official = {"torchbearer_version": "0.5.3", "model": pair.agents.state_dict(), "history": [{}]}
    torch.save(official, tmp_path / "official.pt")
    with pytest.raises(UsageError, match="contains no options"):
        learning_to_draw.load(tmp_path / "official.pt")
    loaded = learning_to_draw.load(tmp_path / "official.pt", **WAYS["separate"])
    assert loaded.draw(photos_for(pair, 1)).svg() == pair.draw(photos_for(pair, 1)).svg()
    assert loaded.play() == pair.play()
    with pytest.raises(UsageError, match=r"would change the agents.*\n.*dataset="):
        loaded.play(dataset="STL10", dataset_root="/nowhere")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nlines": 4}, "does not fit the agents"),
        ({"npoints": 4}, "--npoints belongs to the decoder"),
        ({"output": "x"}, "output has no effect"),
        ({"swap_agents": True}, "swap_agents has no effect"),
        ({"device": "gpu"}, "--device gpu cannot be used"),
    ],
)
def test_load_refuses_what_does_not_fit(options, told, folder):
    with pytest.raises(UsageError, match=told):
        learning_to_draw.load(folder / "shared.pt", **options)


@pytest.fixture
def _forget_plugins():
    """Other tests go through all components there are."""
    yield
    plugins._unregister(list(plugins._registered))
    plugins._loaded.clear()


@pytest.mark.usefixtures("_forget_plugins")
def test_a_pair_of_components_of_your_own(tmp_path, folder):
    plugin = tmp_path / "zig.py"
    plugin.write_text(
        "from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder\n"
        "from learning_to_draw.models.decoders.config import LineConfig\n"
        "from learning_to_draw.plugins import decoder\n"
        "@decoder('Zig', LineConfig)\n"
        "class Zig(SinglePassSimpleLineDecoder):\n"
        "    pass\n"
    )
    pair = learning_to_draw.load(folder / "shared.pt", plugin=plugin, decoder="Zig")
    assert type(pair.agents.decoder).__name__ == "Zig"


@pytest.mark.usefixtures("_forget_plugins")
def test_a_data_set_of_your_own_knows_its_size_once_it_is_built(tmp_path, folder):
    plugin = tmp_path / "again.py"
    plugin.write_text(
        "from learning_to_draw.datasets.config import DigitsConfig\n"
        "from learning_to_draw.datasets.digits import Digits\n"
        "from learning_to_draw.plugins import dataset\n"
        "@dataset('Again', DigitsConfig)\n"
        "class Again:\n"
        "    def __init__(self, config):\n"
        "        digits = Digits(config)\n"
        "        self.split, self.image_size, self.channels = digits.split, digits.image_size, digits.channels\n"
    )
    pair = learning_to_draw.load(folder / "shared.pt", plugin=plugin, dataset="Again")
    assert (pair.image_size, pair.channels) == (16, 1)


def test_options_of_loading_are_those_of_playing(folder):
    pair = learning_to_draw.load(folder / "shared.pt", batch_size=20)
    assert pair.play().candidates == 20
    assert pair.play(batch_size=10).candidates == 10


def test_the_options_that_load_and_play_know_exist():
    known = set(options_of_run(complete("test", {"weights": "model.pt"}, PYTHON)))
    assert set(OF_A_TEST) | set(OF_GAMES) <= known
