"""What `reproduce` has below the rates of some tables: people, what CLIP sees, and what sketches cost."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.analysis.measure.judge_rows import judged
from learning_to_draw.analysis.measure.material import LogData, Settings
from learning_to_draw.analysis.measure.training_photos import load_training_photos
from learning_to_draw.analysis.measures.judge import Judge
from learning_to_draw.analysis.study.answers import FORMAT
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments import tradeoff
from learning_to_draw.experiments.clip_counters import what_clip_sees
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.people import beside_people
from learning_to_draw.experiments.rows import Row
from learning_to_draw.experiments.tradeoff import rate_and_cost
from learning_to_draw.trials.records.gamelog import read_log


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with a training and a test."""
    folder = tmp_path_factory.mktemp("pair")
    training = ("train", "--batch-size", "30", "--nlines", "1", "--epochs", "1", "--output", str(folder / "seed-0"))
    test = ("test", "--weights", str(folder / "seed-0" / "model_final.pt"), "--output", str(folder / "seed-0-test"))
    assert [commgame.main([*words, "--quiet"]) for words in (training, test)] == [0, 0]
    return folder


@pytest.fixture
def job(pair, tmp_path):
    """A finished job of a row."""
    shutil.copytree(pair, tmp_path / "original")
    return Job(Row("original", "the original game", {}, clip=True), 0, tmp_path)


def cells(text, title):
    [line] = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def answer(game, number, *, right):
    """An answer to a game of a study's page, by somebody who is right, or chooses the first wrong candidate."""
    choice = game["target"] if right else next(n for n in game["order"] if n != game["target"])
    return {
        **({"log": game["log"]} if "log" in game else {}),
        "game": game["game"],
        "choice": choice,
        "target": game["target"],
        "candidates": len(game["candidates"]),
        "right": right,
        "right_class": choice in game["of_class"],
        "candidates_of_class": len(game["of_class"]),
        "seconds": 2.0 + number,
        "interrupted": False,
        "agents_choice": game["guess"],
        "agents_right": game["guess"] == game["target"],
        "agents_right_class": game["guess"] in game["of_class"],
    }


def pages(folder):
    """The study pages in a folder: their paths, and their content."""
    paths = sorted(folder.glob("study-*.html"))
    pattern = re.compile(r'<script [^>]*id="study"[^>]*>(.*?)</script>', re.DOTALL)
    return paths, [json.loads(pattern.search(path.read_text())[1]) for path in paths]


def save(folder, study, person, answers):
    content = {"format": FORMAT, "study": study["id"], "title": "", "participant": person, "answers": answers}
    (folder / f"{person}.json").write_text(json.dumps(content))


def test_people_are_set_beside_the_agents_on_the_same_games(job, tmp_path):
    text = beside_people([job])
    assert cells(text, "the original game") == ["0", *[""] * 6]
    [page], [study] = pages(tmp_path / "study")
    before = page.read_bytes()
    for person, right in (("one", 3), ("two", 7)):
        answers = [answer(game, n, right=n < right) for n, game in enumerate(study["rounds"])]
        save(tmp_path / "study", study, person, answers)
    log = read_log(job.tested)
    agents = sum(log.games[game["game"]].correct for game in study["rounds"])
    text = beside_people([job])
    assert text.startswith("People and agents in the same 10 games, 10 of each pair; participants: 2\n")
    row = cells(text, "the original game")
    # Wilson's interval of 10 of 20: 0.5 ± 1.96 sqrt(0.25 / 20 + 1.96² / 1600) / (1 + 1.96² / 20) = 0.5 ± 0.2007
    assert row[:4] == ["20", "50.0", "29.9 to 70.1", f"{100 * agents / 10:.1f}"]
    assert row[5] == f"{100 / len(log.games[0].candidates):.1f}"
    assert page.read_bytes() == before
    (tmp_path / "study" / "three.json").write_text("{")
    with pytest.raises(UsageError, match=r"three\.json cannot be read"):
        beside_people([job])


def test_people_play_all_pairs_on_one_page(job, tmp_path):
    beside_people([job])  # the page that was made before the other row was finished
    [old], [study] = pages(tmp_path / "study")
    save(tmp_path / "study", study, "early", [answer(game, 0, right=True) for game in study["rounds"]])
    shutil.copytree(tmp_path / "original", tmp_path / "other")
    shutil.copytree(tmp_path / "original", tmp_path / "other" / "seed-1-test")
    jobs = [Job(Row("other", "another game", {}), seed, tmp_path) for seed in (0, 1)]
    text = beside_people([jobs[0], job, jobs[1]])
    assert "participants: 0\n" in text
    assert "other pages in that folder: 1; study-results" in text
    paths, studies = pages(tmp_path / "study")
    assert len(paths) == 2
    [study] = [study for path, study in zip(paths, studies, strict=True) if path != old]
    assert [sum(game["log"] == log for game in study["rounds"]) for log in ("original", "other")] == [10, 10]
    answers = [answer(game, 0, right=game["log"] == "other") for game in study["rounds"]]
    save(tmp_path / "study", study, "late", answers)
    text = beside_people([jobs[0], job, jobs[1]])
    assert text.startswith("People and agents in the same 20 games, 10 of each pair; participants: 1\n")
    assert re.findall(r"^\| ([a-z ]+) \| (\d+) \| ([\d.]+) \|", text, re.MULTILINE) == [
        ("another game", "10", "100.0"),
        ("the original game", "10", "0.0"),
        ("all pairs", "20", "50.0"),
    ]


def test_what_sketches_cost_is_counted_in_the_log(job, monkeypatch):
    """The pair draws one line per sketch; in this log, every fourth sketch has none. The judge sees 16 x 16 pixels."""
    judge = Judge("pixels", lambda pictures: pictures.flatten(1), 16, (0.0,) * 3, (1.0,) * 3, torch.device("cpu"))
    monkeypatch.setattr(tradeoff, "load_judge", lambda: judge)
    path = job.tested / "gamelogs" / "strokes.npz"
    with np.load(path) as arrays:
        content = dict(arrays)
    inks = np.ones((*content["points"].shape[:2], 1), np.float32)
    inks[::4] = 0
    np.savez(path, **content, intensities=inks)
    log = read_log(job.tested)
    sketches = [np.asarray(Image.open(log.picture(game.sketch))) for game in log.games]
    rate = 100 * np.mean([game.correct for game in log.games])
    [legible] = [
        row.value
        for row in judged(LogData(log, Settings(judge=judge), photos=load_training_photos(log, 0))).rows
        if row.label == "legibility of sketches, top 1"
    ]
    row = cells(rate_and_cost([job]), "the original game")
    assert row == [f"{rate:.1f}", f"{100 * legible:.1f}", f"{inks.mean():.1f}", f"{100 * np.mean(sketches) / 255:.1f}"]
    with Image.open(job.output / "tradeoff.png") as figure:
        assert figure.width == 2025


@pytest.mark.parametrize("name", ["load_judge", "load_training_photos"])
def test_without_the_judge_or_the_data_set_there_is_a_table_without_legibility(name, job, monkeypatch, caplog):
    def missing(*arguments):
        raise UsageError("there is no such file\nGet it.")

    monkeypatch.setattr(tradeoff, "load_judge", lambda: "a judge, who is not asked")
    monkeypatch.setattr(tradeoff, name, missing)
    assert cells(rate_and_cost([job]), "the original game")[1] == ""
    assert "legibility is not measured: there is no such file" in caplog.text


def test_the_figure_of_rows_with_one_kind_of_price(job, monkeypatch):
    monkeypatch.setattr(tradeoff, "load_judge", lambda: None)
    rate_and_cost([Job(Row("original", "the original game", {"ink_price": 1.0}), 0, job.output)])
    assert (job.output / "tradeoff.pdf").read_bytes().startswith(b"%PDF")


def test_what_clip_sees_is_counted_as_in_analyse_logs(job):
    log = read_log(job.tested)
    entry = {
        **dict.fromkeys(("sketch_class", "correct_class", "guessed_class", "true_class"), "cat"),
        **dict.fromkeys(("sketch_template", "correct_template", "guessed_template"), "photo"),
    }
    entries = [entry | {"sketch_template": "drawing"} if n % 4 == 0 else entry for n in range(len(log.games))]
    (log.folder / "clip-analysis.json").write_text(json.dumps(entries))
    text = what_clip_sees([job])
    assert cells(text, "counter") == ["the original game"]
    assert cells(text, "sketch_class_matches_true") == ["100.0"]
    assert cells(text, "sketch_is_drawing") == [f"{100 * len(entries[::4]) / len(entries):.1f}"]
    assert len(text.splitlines()) == 2 + 2 + 10
    assert what_clip_sees([Job(Row("a", "a", {}), 0, job.output)]) == ""
