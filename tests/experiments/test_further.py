"""What `reproduce human` and `reproduce shared` have below their rates: people, and what CLIP sees."""

import json
import re
import shutil

import pytest

from learning_to_draw import commgame
from learning_to_draw.analysis.study.answers import FORMAT
from learning_to_draw.errors import UsageError
from learning_to_draw.experiments.clip_counters import what_clip_sees
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.people import beside_people
from learning_to_draw.experiments.rows import Row
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


def test_people_are_set_beside_the_agents_on_the_same_games(job, tmp_path):
    text = beside_people([job])
    assert cells(text, "the original game") == ["0", "0", "", "", "", ""]
    page = tmp_path / "study" / "original-seed-0.html"
    before = page.read_bytes()
    study = json.loads(re.search(rb'<script [^>]*id="study"[^>]*>(.*?)</script>', before, re.DOTALL)[1])
    for person, right in (("one", 12), ("two", 18)):
        answers = [answer(game, n, right=n < right) for n, game in enumerate(study["rounds"])]
        saved = {"format": FORMAT, "study": study["id"], "title": "", "participant": person, "answers": answers}
        (tmp_path / "study" / f"{person}.json").write_text(json.dumps(saved))
    log = read_log(job.tested)
    agents = sum(log.games[game["game"]].correct for game in study["rounds"])
    row = cells(beside_people([job]), "the original game")
    assert row[:5] == ["2", "60", "50.0", f"{100 * agents / 30:.1f}", f"{100 / len(log.games[0].candidates):.1f}"]
    assert page.read_bytes() == before
    (tmp_path / "study" / "three.json").write_text("{")
    with pytest.raises(UsageError, match=r"three\.json cannot be read"):
        beside_people([job])


def test_people_see_the_rows_in_their_order(job, tmp_path):
    shutil.copytree(tmp_path / "original", tmp_path / "other")
    other = Job(Row("other", "another game", {}), 0, tmp_path)
    titles = re.findall(r"^\| ([a-z ]+ game) \|", beside_people([job, other]), re.MULTILINE)
    assert titles == ["the original game", "another game"]


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
