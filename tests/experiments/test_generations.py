"""A language is handed on: the lesson, the line of trainings, and the table."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.datasets.augment import random_crops
from learning_to_draw.datasets.ragged import RaggedImages
from learning_to_draw.datasets.splits import Split, to_unit_range
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments import generations
from learning_to_draw.games.drawings import matched_distances
from learning_to_draw.text_tables import as_csv
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures, load_pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.lesson import drawn_by, matched_loss, teach
from learning_to_draw.trials.trained import build_trained, load_trained

CPU = torch.device("cpu")


def call(*words):
    return commgame.main([str(word) for word in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generations") / "run"
    words = ["train", "--batch-size", "150", "--epochs", "1", "--nlines", "4", "--learning-rate", "0.002*0.5@[1]"]
    assert call(*words, "--quiet", "--output", folder) == 0
    return folder


def test_the_loss_is_zero_for_the_same_strokes_in_another_order_and_direction():
    torch.manual_seed(0)
    shown = torch.rand(3, 5, 2, 2) * 2 - 1
    drawn = shown[:, [4, 2, 0, 1, 3]].clone()
    drawn[:, 1] = drawn[:, 1].flip(1)
    assert matched_loss(drawn, shown) == 0
    moved = (drawn + torch.tensor([0.0, 0.01])).requires_grad_()  # too little to change the matching
    loss = matched_loss(moved, shown)
    assert float(loss.detach()) == pytest.approx(0.01**2, rel=1e-4)
    loss.backward()
    expected = torch.tensor([0.0, 2 * 0.01]) / (3 * 5 * 2)
    assert torch.allclose(moved.grad, expected.expand_as(moved.grad), atol=1e-6)


def test_in_a_lesson_a_sender_learns_to_draw_as_its_teacher(trained):
    weights = trained / "model_final.pt"
    config = configure("train", nlines=4, teacher=str(weights), bottleneck=40, lesson_steps=150, learning_rate="0.002")
    split = load_pictures(parse("train", []).dataset, ("train",), CPU).splits["train"]
    torch.manual_seed(7)
    pair = build_agents(config.agents, Pictures({}, 32, 1))
    receiver = {name: value.clone() for name, value in pair.receiver.state_dict().items()}
    teacher = build_trained(load_trained("test", weights, {"weights": str(weights)}), Pictures({}, 32, 1)).eval()
    photos = split.pictures(split.items[:20], CPU)

    def distance():
        with torch.no_grad():
            drawings = [drawn_by(agents.eval(), photos).double().numpy() for agents in (pair, teacher)]
        return np.mean([matched_distances(one[None], other)[0] for one, other in zip(*drawings, strict=True)])

    before = distance()
    teach(pair, config, split, CPU, seed=0)
    assert pair.training
    assert distance() < 0.3 * before
    assert all(torch.equal(value, receiver[name]) for name, value in pair.receiver.state_dict().items())


def test_a_lesson_shows_crops_of_photos_of_different_sizes_and_every_photo_once(trained, caplog):
    weights = trained / "model_final.pt"
    config = configure("train", nlines=4, teacher=str(weights), bottleneck=40, lesson_steps=1)
    photos = RaggedImages.of([torch.full((1, 32 + k, 40), 40 * k, dtype=torch.uint8) for k in range(6)])

    def crop(images, indices, generator, device):
        return to_unit_range(random_crops(images, indices, generator, 32), device)

    split = Split("train", photos, torch.zeros(6).long(), ("grey",), torch.arange(6).repeat(3), crop)
    with caplog.at_level("INFO"):
        teach(build_agents(config.agents, Pictures({}, 32, 1)), config, split, CPU, seed=0)
    assert "6 drawings, 1 steps" in caplog.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nlines", "5"], "draws 4 stroke(s) of 2 control point(s), but these senders draw 5 stroke(s) of 2"),
        (
            ["--decoder", "RNNBezierDecoder", "--steps", "4"],
            "draws 4 stroke(s) of 2 control point(s), but these senders draw 4 stroke(s) of 4",
        ),
    ],
)
def test_a_teacher_with_other_strokes_is_an_error(trained, words, message, tmp_path, capsys):
    weights = trained / "model_final.pt"
    assert call("train", *words, "--teacher", weights, "--output", tmp_path / "run") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flag", ["--teacher", "--senders-from", "--receivers-from"])
def test_a_missing_teacher_is_an_error_that_names_the_option(flag, tmp_path, capsys):
    assert call("train", flag, tmp_path / "no.pt", "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert f"{flag} {tmp_path / 'no.pt'}: there is no such file" in error
    assert "--weights" not in error


def test_a_bottleneck_without_a_teacher_is_an_error(tmp_path, capsys):
    assert call("train", "--bottleneck", "5", "--output", tmp_path / "run") == 2
    assert "--bottleneck has no effect without --teacher" in capsys.readouterr().err


def test_every_generation_learns_from_the_one_before(trained, tmp_path):
    weights = trained / "model_final.pt"
    common = {
        **generations.options_for_new_agents(load_trained("test", weights, {"weights": str(weights)})),
        "epochs": 3,
    }
    jobs = generations._line(common, tmp_path, 2, 2, 40, 10)
    assert [job.seed for job in jobs] == [2000, 2001, 2002]
    assert [job.row.config.teacher for job in jobs] == [None, *(job.trained / "model_final.pt" for job in jobs[:2])]
    for job in jobs[1:]:
        assert (job.row.config.bottleneck, job.row.config.lesson_steps) == (40, 10)
    for job in jobs:
        config = job.row.config
        assert (config.epochs, config.learning_rate, config.agents.decoder.config.nlines) == (3, "0.002", 4)


def test_drawings_with_strokes_that_are_not_drawn_are_not_compared(trained, tmp_path, capsys):
    jobs = generations._line({}, tmp_path, 0, 1, 40, 10)
    shutil.copytree(trained, jobs[0].trained)
    words = ["test", "--weights", jobs[0].trained, "--num-reconstructions", "1", "--quiet"]
    assert call(*words, "--output", jobs[0].tested) == 0
    for folder, copy in ((jobs[0].trained, jobs[1].trained), (jobs[0].tested, jobs[1].tested)):
        shutil.copytree(folder, copy)
    first, second = generations._measure(jobs, None)
    assert first["topographic"] == second["topographic"]
    assert second["distance"] == 0
    assert "not measured" not in capsys.readouterr().out
    file = jobs[1].tested / "gamelogs" / "strokes.npz"
    with np.load(file) as arrays:
        content = dict(arrays)
    intensities = np.ones((*content["points"].shape[:2], 1), dtype=np.float32)
    intensities[:, 3] = 0  # the last stroke is not drawn
    np.savez(file, **content, intensities=intensities)
    again, second = generations._measure(jobs, None)
    assert again["topographic"] == first["topographic"]
    assert np.isnan([second["topographic"], second["distance"]]).all()
    assert second["rate"] == first["rate"]
    assert "not measured for line-0-generation-1: some strokes are not drawn" in capsys.readouterr().out


def test_the_csv_file_has_the_unrounded_measures_of_every_line():
    first = dict.fromkeys(generations.COLUMNS, float("nan")) | {"rate": 1 / 3, "topographic": 0.7}
    lines = {5: [first, first | {"distance": 2 / 7}], 0: [first, first | {"distance": 1 / 7}]}
    rows = list(csv.DictReader(as_csv(generations._runs(lines)).splitlines()))
    assert [(row["seed"], row["generation"]) for row in rows] == [("5", "0"), ("5", "1"), ("0", "0"), ("0", "1")]
    assert [row["distance"] for row in rows] == ["", str(2 / 7), "", str(1 / 7)]
    assert {(float(row["rate"]), row["topographic"], row["legibility"]) for row in rows} == {(1 / 3, "0.7", "")}


@pytest.mark.slow
def test_a_line_of_generations(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(generations, "load_judge", no_judge)
    words = ["generations", trained, "--runs", "1", "--play", "1", "--bottleneck", "30", "--lesson-steps", "20"]
    assert call(*words, "--output", tmp_path / "g", "--seeds", "0", "1") == 0
    shown = capsys.readouterr().out
    with (tmp_path / "g" / "generations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["generation"]) for row in rows] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]
    assert "legibility" not in shown
    assert {row["legibility"] for row in rows} == {rows[0]["distance"], rows[2]["distance"]} == {""}
    assert f"{np.mean([float(row['distance']) for row in rows[1::2]]):.3f} ± " in shown
    with Image.open(tmp_path / "g" / "generations-sheet.png") as sheet:
        assert sheet.height == 3 * (22 + 96 + 4)  # photos, two generations
    assert call(*words, "--output", tmp_path / "g", "--seeds", "0", "1") == 0  # nothing is trained again
    assert capsys.readouterr().out == shown


def no_judge():
    raise UsageError("no judge here")
