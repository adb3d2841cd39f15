"""The content of a report, read back from its page, of runs whose numbers are worked out by hand."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from analysis.log_reader import Game
from analysis.report.games import ranking, rate_of
from analysis.report.head import duration
from analysis.report.options import add_report_options
from analysis.report.report import report
from analysis.report.sketches import evenly, parse_grid
from analysis.tool import Tool
from errors import UsageError

NASTY = "<script>alert(1)</script>"
OFFICIAL = "epoch,running_loss,running_commrate,lr,loss,commrate,commrate_std,val_loss,val_commrate,val_commrate_std\n"


def make(run, output=None, games=(), max_games=200, seed=1234):
    """The content of the report on `run`, as the page holds it."""
    said = report(run, games, output, max_games, seed)
    path = output or run / "report.html"
    assert str(path) in said
    return read(path)


def read(path):
    held = re.search(r'<script type="application/json" id="content">(.*?)</script>', path.read_text(), re.S)
    return json.loads(held[1])


def pixels(content, place):
    kind, data = content["pictures"][place].split(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def flat(level, side=8):
    return np.full((side, side, 3), level, dtype=np.uint8)


def write_grid(path, tiles, padding=0):
    """As torchvision's make_grid lays them out: 8 in a row, 2 pixels between."""
    side, columns = tiles[0].shape[0], min(8, len(tiles))
    step, rows = side + 2, -(-len(tiles) // 8)
    grid = np.full((rows * step + 2, columns * step + 2, 3), padding, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 8)
        grid[row * step + 2 : (row + 1) * step, column * step + 2 : (column + 1) * step] = tile
    Image.fromarray(grid).save(path)


@pytest.fixture
def training(tmp_path):
    """A training of this program, finished after three epochs: ten validation photos of level 100 + number."""
    run = tmp_path / "run"
    run.mkdir()
    options = {"dataset": "Digits", "object_oriented": "none", "batch_size": 4, "epochs": 3, "invert": False}
    sources = {"dataset": "default", "object_oriented": "default", "batch_size": "data set Digits"}
    config = {
        "command": "train",
        "arguments": ["commgame.py", "train", "--output", "my run"],
        "started": "2026-01-02T03:04:05+0000",
        "device": "cpu",
        "options": options,
        "sources": sources,
        "versions": {"python": "3.11.7"},
    }
    (run / "config.json").write_text(json.dumps(config))
    (run / "log.csv").write_text(
        "epoch,lr,loss,commrate,val_loss,val_commrate,game_loss,perceptual_loss,val_game_loss,sigma2\n"
        "0,0.1,40,0.25,50,0.5,1,39,2,0.01\n"
        "1,0.1,4,0.5,5,0.25,1,3,2,0.01\n"
        "2,0.1,2,0.75,nan,0.75,1,1,2,0.01\n"
    )
    times = [{"epoch": epoch, "games_per_second": 100 + 10 * epoch, "seconds": 90} for epoch in range(3)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in times))
    result = {"communication_rate": 0.75, "interval": [0.3, 0.95], "chance": 0.25, "games": 4, "candidates": 4}
    result |= {"split": "valid", "best": {"epoch": 2, "communication_rate": 0.75}, "seconds": 272.4}
    (run / "result.json").write_text(json.dumps(result))
    (run / "train_cmd.txt").write_text("commgame.py train --output 'my run'")
    (run / "model-info.txt").write_text("Agents()")
    write_grid(run / "val_samples.png", [flat(100 + number) for number in range(10)])
    for epoch in range(3):
        tiles = [flat(10 * epoch + number) for number in range(10)]
        write_grid(run / f"val_reconstruction_samples_{epoch:02d}.png", tiles)
    return run


@pytest.fixture
def make_full_log(make_log):
    """make_full_log(folder, games, classes): as `make_log`; each game also has its classes and scores."""

    def make(folder, games, classes, card=None):
        make_log(folder, games)
        rows = json.loads((folder / "games.json").read_text())
        with (folder / "games.jsonl").open("w") as lines:
            for number, (row, (names, scores)) in enumerate(zip(rows, classes, strict=True)):
                line = {"format": 1, "game": number, "sender_image": row["images"][row["correct_image"]]}
                line |= {"sender_class": names[row["correct_image"]], "sketch": row["sketch"], "scores": scores}
                line |= {"candidates": row["images"], "candidate_classes": names}
                line |= {"guess": row["reciever_guess"], "target": row["correct_image"]}
                lines.write(json.dumps(line) + "\n")
        (folder / "card.json").write_text(json.dumps(card or {}))
        return folder

    return make


@pytest.fixture
def small_log(tmp_path, make_full_log):
    """Five games of three candidates, of classes b, a and NASTY; three are won."""
    pool, sketch = [flat(10), flat(20), flat(30)], flat(99)
    names = ["b", "a", NASTY]
    games = [
        (0, 0, sketch, pool),
        (1, 1, sketch, pool),
        (2, 2, sketch, pool),
        (1, 0, sketch, pool),
        (2, 0, sketch, pool),
    ]
    scores = [[3.0, 2.0, 1.0], [0.0, 5.0, 1.0], [0.0, 1.0, 2.0], [2.0, 4.0, 0.0], [0.5, 0.0, 1.0]]
    card = {"dataset": "Digits", "game": "same", "split": "test", "classes": ["b", NASTY, "a"]}
    return make_full_log(tmp_path / "log", games, [(names, score) for score in scores], card)


def test_the_head_of_a_finished_training(training):
    content = make(training)
    assert content["title"] == "Digits, original game"
    assert (content["kind"], content["status"]) == ("training run", "finished")
    assert content["results"] == [
        {
            "label": "validation, last epoch",
            "rate": 0.75,
            "low": 0.3,
            "high": 0.95,
            "chance": 0.25,
            "games": 4,
            "candidates": "4",
        }
    ]
    assert ["time taken", "4 min 32 s"] in content["facts"]
    assert {"name": "batch_size", "value": "4", "source": "data set Digits"} in content["options"]
    assert content["command"] == "python commgame.py train --output 'my run'"
    assert content["versions"] == {"python": "3.11.7"}
    assert content["model"] == "Agents()"
    assert "commgame.py test" not in (content["no_logs"]["command"] or "")  # no checkpoint is there to be tested


def test_the_best_epoch_is_told_where_it_is_not_the_last(training):
    result = json.loads((training / "result.json").read_text())
    result["best"] = {"epoch": 1, "communication_rate": 0.8}
    (training / "result.json").write_text(json.dumps(result))
    best = make(training)["results"][1]
    assert (best["label"], best["rate"], best["low"]) == ("validation, best epoch (1)", 0.8, None)


def test_curves_are_the_columns_of_the_log(training):
    curves = make(training)["curves"]
    charts = {chart["title"]: chart for chart in curves["charts"]}
    assert list(charts) == ["Communication rate", "Loss", "game loss", "perceptual loss", "games per second"]
    rate, loss = charts["Communication rate"], charts["Loss"]
    assert [one["values"] for one in rate["series"]] == [[0.25, 0.5, 0.75], [0.5, 0.25, 0.75]]
    assert (rate["percent"], rate["chance"], rate["log"]) == (True, 0.25, False)
    assert [one["values"] for one in loss["series"]] == [[40, 4, 2], [50, 5, None]]  # NaN is a gap
    assert (loss["log"], loss["chance"]) == (True, None)  # 50 / 2 is more than 20
    assert [one["values"] for one in charts["game loss"]["series"]] == [[1, 1, 1], [2, 2, 2]]
    assert [one["name"] for one in charts["perceptual loss"]["series"]] == ["training"]
    assert [one["values"] for one in charts["games per second"]["series"]] == [[100, 110, 120]]  # of metrics.jsonl
    assert curves["constants"] == [
        {"name": "learning rate", "value": 0.1},
        {"name": "sigma2 (squared stroke width)", "value": 0.01},
    ]
    assert curves["epochs"] == [0, 1, 2]
    assert curves["rows"][1] == [1, 0.1, 4, 0.5, 5, 0.25, 1, 3, 2, 0.01, 110, 90]
    (training / "metrics.jsonl").write_text('{"epoch": 1, "games_per_second": 7, "seconds": 1}\n["cut", \n{"epoch"')
    assert make(training)["curves"]["charts"][-1]["series"][0]["values"] == [None, 7, None]


def test_sketches_are_cut_out_of_the_grids(training):
    content = make(training)
    sketches = content["sketches"]
    assert sketches["epochs"] == [{"epoch": 0, "rate": 0.5}, {"epoch": 1, "rate": 0.25}, {"epoch": 2, "rate": 0.75}]
    assert len(sketches["rows"]) == 10  # and not the six empty places of the second row
    for number, row in enumerate(sketches["rows"]):
        assert (pixels(content, row["photo"]) == flat(100 + number)).all()
        for epoch, place in enumerate(row["sketches"]):
            assert (pixels(content, place) == flat(10 * epoch + number)).all()
    # No two of them are alike, and each is there once.
    assert len(content["pictures"]) == len(set(content["pictures"])) == 10 + 30


def test_what_is_no_grid_is_left_out_and_named(training):
    noise = np.random.default_rng(0).integers(0, 256, (22, 82, 3), dtype=np.uint8)  # of a grid's size, without padding
    Image.fromarray(noise).save(training / "val_reconstruction_samples_01.png")
    (training / "val_reconstruction_samples_03.png").write_bytes(b"torn")
    (training / "val_samples.png").unlink()
    sketches = make(training)["sketches"]
    assert [one["epoch"] for one in sketches["epochs"]] == [0, 2]
    assert sketches["unread"] == ["val_reconstruction_samples_01.png", "val_reconstruction_samples_03.png"]
    assert [row["photo"] for row in sketches["rows"]] == [None] * 10
    for epoch in (0, 2):
        (training / f"val_reconstruction_samples_{epoch:02d}.png").write_bytes(b"torn")
    assert "not grids" in make(training)["sketches"]["missing"]


@pytest.mark.parametrize(("count", "layout"), [(1, (6, 1, 1)), (4, (6, 4, 1)), (8, (6, 8, 1)), (11, (6, 8, 2))])
@pytest.mark.parametrize("padding", [0, 123])  # officially it is grey with --imagenet-norm
def test_grids_of_any_number(count, layout, padding, tmp_path):
    write_grid(tmp_path / "grid.png", [flat(50 + number, side=6) for number in range(count)], padding)
    grid = parse_grid(np.asarray(Image.open(tmp_path / "grid.png")))
    assert grid.layout == layout
    assert grid.filled() == count
    assert [int(grid.tile(number)[0, 0, 0]) for number in range(count)] == list(range(50, 50 + count))


def test_evenly_keeps_the_first_and_the_last():
    assert evenly([1, 2, 3], 12) == [1, 2, 3]
    assert evenly(list(range(250)), 12) == [0, 23, 45, 68, 91, 113, 136, 158, 181, 204, 226, 249]


def test_a_run_that_has_just_begun(training):
    for path in training.iterdir():
        if path.name not in ("config.json", "train_cmd.txt"):
            path.unlink()
    content = make(training)
    assert content["status"] == "0 of 3 epochs done: still going on, or stopped early"
    assert content["results"] == []
    assert "No epoch is in log.csv yet" in content["curves"]["missing"]
    assert "each epoch writes one" in content["sketches"]["missing"]
    # The header alone, and then a first row that is not whole: what is there counts.
    (training / "log.csv").write_text("epoch,lr,loss,commrate,val_loss,val_commrate\n")
    assert "No epoch is in log.csv yet" in make(training)["curves"]["missing"]
    (training / "log.csv").write_text("epoch,lr,loss,commrate,val_loss,val_commrate\n0,0.1,7,0.5")
    content = make(training)
    assert [one["values"] for one in content["curves"]["charts"][0]["series"]] == [[0.5], [None]]
    assert content["curves"]["charts"][0]["chance"] == 0.25  # of the batch size, as there is no result yet
    assert content["status"].startswith("1 of 3 epochs")


def test_a_running_run_tells_its_latest_rate(training):
    (training / "result.json").unlink()
    (result,) = make(training)["results"]
    assert (result["label"], result["rate"], result["low"], result["chance"]) == (
        "validation, epoch 2",
        0.75,
        None,
        0.25,
    )


def test_a_folder_of_the_official_code(tmp_path):
    (tmp_path / "train_cmd.txt").write_text("commgame.py train --dataset STL10 --batch-size=100 --loss HingeLoss")
    (tmp_path / "log.csv").write_text(OFFICIAL + "0,1,0.1,0.0001,1.5,0.25,0.4,1.25,0.5,0.3\n")
    write_grid(tmp_path / "val_reconstruction_samples_00.png", [flat(1)] * 3, padding=123)
    content = make(tmp_path)
    assert content["title"] == "STL10, original game"
    assert content["results"][0]["rate"] == 0.5
    assert content["curves"]["charts"][0]["chance"] == 0.01
    assert content["options"] == []
    assert content["versions"] == {}
    assert content["command"].startswith("python commgame.py train --dataset STL10")
    assert len(content["sketches"]["rows"]) == 3
    # With --object-oriented, the number of candidates is that of the classes unless the command says it.
    (tmp_path / "train_cmd.txt").write_text("commgame.py train --dataset STL10 --object-oriented same")
    content = make(tmp_path)
    assert content["title"] == "STL10, same game"
    assert content["curves"]["charts"][0]["chance"] is None


def test_an_official_log_has_no_classes_and_no_scores(tmp_path, make_log, random_games):
    (tmp_path / "eval_cmd.txt").write_text("commgame.py eval --dataset STL10")
    (tmp_path / "log.csv").write_text("epoch,test_loss,test_commrate,test_commrate_std\n0,1,0.5,0.5\n")
    make_log(tmp_path / "gamelogs", list(random_games(10)))
    content = make(tmp_path)
    (log,) = content["logs"]
    assert (content["kind"], content["curves"], content["sketches"]) == ("test run", None, None)
    assert log["classes"] is None
    assert log["scored"] is False
    assert [game["right"] for game in log["games"]] == [True, False] * 5
    assert [len(game["guesses"]) for game in log["games"]] == [1, 2] * 5  # guess and target, once if they are the same
    assert content["results"] == [
        {
            "label": f"test: {tmp_path.name}",
            "rate": 0.5,
            "low": rate_of(5, 10)["low"],
            "high": rate_of(5, 10)["high"],
            "chance": pytest.approx(1 / 3),
            "games": 10,
            "candidates": "3",
        }
    ]


def test_counts_of_a_log_by_hand(small_log, tmp_path):
    content = make(small_log, tmp_path / "page.html")
    assert (content["title"], content["kind"], content["status"]) == ("Digits, same game", "game log", "")
    (log,) = content["logs"]
    assert log["result"]["right"] == 3
    assert log["result"]["games"] == 5
    assert log["result"]["among_best"] is None  # there are only three candidates
    assert [(one["name"], one["right"], one["games"]) for one in log["classes"]["rates"]] == [
        ("b", 1, 3),
        (NASTY, 1, 1),
        ("a", 1, 1),
    ]
    # Wilson's interval of 1 in 3: (1/3 + z^2/6 -+ z sqrt(2/27 + z^2/36)) / (1 + z^2/3), z = 1.96
    assert log["classes"]["rates"][0]["low"] == pytest.approx(0.0615, abs=1e-4)
    assert log["classes"]["rates"][0]["high"] == pytest.approx(0.7923, abs=1e-4)
    assert log["classes"]["matrix"] == {
        "names": ["b", NASTY, "a"],
        "counts": [[1, 1, 1], [0, 1, 0], [0, 0, 1]],
        "played": [3, 1, 1],
        "whole": True,
    }
    assert log["classes"]["confused"] == 2
    assert log["classes"]["same_class"] == 0


def test_a_games_guesses_come_best_first(small_log, tmp_path):
    content = make(small_log, tmp_path / "page.html")
    game = content["logs"][0]["games"][3]
    assert (game["number"], game["right"], game["class"]) == (3, False, "b")
    assert [(one["class"], one["score"], one["share"], one["rank"]) for one in game["guesses"]] == [
        ("a", 4.0, 1.0, 1),
        ("b", 2.0, 0.5, 2),
        (NASTY, 0.0, 0.0, 3),
    ]
    assert [(one["guess"], one["target"]) for one in game["guesses"]] == [(True, False), (False, True), (False, False)]
    assert (pixels(content, game["photo"]) == flat(10)).all()
    assert (pixels(content, game["sketch"]) == flat(99)).all()
    assert len(content["pictures"]) == 4  # three candidates and a sketch, in five games


def test_the_sender_may_have_seen_another_picture(small_log, tmp_path):
    """In `different` games."""
    lines = [json.loads(line) for line in (small_log / "games.jsonl").read_text().splitlines()]
    rows = json.loads((small_log / "games.json").read_text())
    lines[0]["sender_image"] = rows[0]["images"][1]
    lines[0]["sender_class"] = "a"
    (small_log / "games.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    content = make(small_log, tmp_path / "page.html")
    (log,) = content["logs"]
    assert log["other_photo"] is True
    assert (pixels(content, log["games"][0]["photo"]) == flat(20)).all()
    assert (log["games"][0]["class"], log["games"][0]["photo_class"]) == ("b", "a")
    assert (pixels(content, log["games"][0]["guesses"][0]["picture"]) == flat(10)).all()


def test_a_target_that_is_far_behind_is_shown_all_the_same(tmp_path, make_full_log):
    pool = [flat(level) for level in range(10, 90, 10)]
    log = make_full_log(tmp_path / "log", [(0, 7, flat(99), pool)], [(list("abcdefgh"), [8, 7, 6, 5, 4, 3, 2, 1])])
    (log,) = make(log, tmp_path / "page.html")["logs"]
    assert [one["rank"] for one in log["games"][0]["guesses"]] == [1, 2, 3, 4, 5, 8]
    assert log["result"]["among_best"] == {"of": 5, "rate": 0}


def test_of_many_classes_only_the_most_confused_are_in_the_matrix(tmp_path, make_full_log):
    names = [f"class {number:02d}" for number in range(40)]
    pool = [flat(5 * number) for number in range(40)]
    pairs = [(number, number) for number in range(40)] + [(1, 0)] * 3 + [(2, 39)] * 2 + [(5, 4)]
    games = [(guess, target, flat(250), pool) for guess, target in pairs]
    scores = [[1.0 if place == guess else 0.0 for place in range(40)] for guess, _ in pairs]
    log = make_full_log(tmp_path / "log", games, [(names, score) for score in scores], {"classes": names})
    classes = make(log, tmp_path / "page.html")["logs"][0]["classes"]
    assert [(pair["target"], pair["guess"], pair["count"], pair["played"]) for pair in classes["pairs"]] == [
        ("class 00", "class 01", 3, 4),
        ("class 39", "class 02", 2, 3),
        ("class 04", "class 05", 1, 2),
    ]
    assert classes["matrix"]["names"] == [names[number] for number in (0, 1, 2, 4, 5, 39)]
    assert classes["matrix"]["counts"][0] == [1, 3, 0, 0, 0, 0]
    assert classes["matrix"]["whole"] is False
    assert len(classes["rates"]) == 40


def test_the_sample_is_drawn_by_its_seed_and_counts_are_of_all(tmp_path, make_log, random_games):
    log = make_log(tmp_path / "log", list(random_games(40)))
    content = make(log, tmp_path / "page.html", max_games=10, seed=5)
    numbers = [game["number"] for game in content["logs"][0]["games"]]
    assert len(set(numbers)) == 10
    assert numbers == sorted(numbers)
    assert content["logs"][0]["total"] == 40
    assert content["logs"][0]["result"]["right"] == 20
    again, other = (make(log, tmp_path / "page.html", max_games=10, seed=seed) for seed in (5, 6))
    assert again["logs"][0]["games"] == content["logs"][0]["games"]
    assert [game["number"] for game in other["logs"][0]["games"]] != numbers


def test_pictures_of_games_not_shown_are_not_opened(tmp_path, make_log, random_games):
    log = make_log(tmp_path / "log", list(random_games(20)))
    shown = make(log, tmp_path / "page.html", max_games=1)["logs"][0]["games"][0]["number"]
    rows = json.loads((log / "games.json").read_text())
    kept = {rows[shown]["sketch"], *rows[shown]["images"]}
    for path in log.glob("*/*.png"):
        if str(path.relative_to(log)) not in kept:
            path.unlink()
    make(log, tmp_path / "page.html", max_games=1)
    with pytest.raises(UsageError, match="no such file"):
        make(log, tmp_path / "page.html", max_games=2)


def test_tests_beside_a_training_are_found_by_their_weights(training, tmp_path, make_log, random_games):
    for name, weights, started in (
        ("a-late", training / "model_final.pt", "2026-02"),
        ("b-early", training / "model_best.pt", "2026-01"),
        ("other", tmp_path / "another" / "model_final.pt", "2026-01"),
    ):
        make_log(tmp_path / name / "gamelogs", list(random_games(2)))
        config = {"command": "test", "started": started, "options": {"weights": str(weights)}}
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.json").write_text(json.dumps({"options": {"weights": str(training / "x.pt")}}))
    (tmp_path / "not-ours").mkdir()
    (tmp_path / "not-ours" / "config.json").write_text("[1]")
    assert [log["name"] for log in make(training)["logs"]] == ["b-early", "a-late"]
    # Those that are named go before; a log is shown once, however it is named.
    named = [tmp_path / "other", tmp_path / "other" / "gamelogs"]
    assert [log["name"] for log in make(training, games=named)["logs"]] == ["other"]


def test_tests_are_found_from_anywhere_and_when_both_were_copied(training, tmp_path, make_log, random_games):
    (training / "model_final.pt").touch()
    make_log(tmp_path / "test" / "gamelogs", list(random_games(2)))
    for weights in (f"elsewhere/{training.name}/model_final.pt", f"/no/such/{training.name}/model_final.pt"):
        (tmp_path / "test" / "config.json").write_text(json.dumps({"options": {"weights": weights}}))
        assert [log["name"] for log in make(training)["logs"]] == ["test"]
    (tmp_path / "test" / "config.json").write_text(json.dumps({"options": {"weights": f"{training.name}/model_9.pt"}}))
    assert make(training)["logs"] == []  # of another run with this name


def test_of_equal_scores_the_guess_comes_first():
    assert ranking(Game(2, 0, "s", ("a", "b", "c"), scores=(1.0, 1.0, 1.0))) == [2, 0, 1]
    assert ranking(Game(1, 0, "s", ("a", "b", "c"), scores=(1.0, 3.0, 2.0))) == [1, 2, 0]


def test_chance_is_the_mean_over_games_of_any_size(tmp_path, make_log):
    pictures = [np.full((4, 4), 20 * shade, np.uint8) for shade in range(5)]
    log = make_log(tmp_path / "log", [(0, 0, pictures[4], pictures[:2]), (0, 1, pictures[4], pictures[:4])])
    assert make(log)["logs"][0]["result"]["chance"] == 0.375
    assert dict(make(log)["facts"])["candidates"] == "2 to 4"


def test_text_of_users_cannot_end_the_content(training, small_log):
    content = make(training, games=[small_log])
    assert content["logs"][0]["classes"]["rates"][1]["name"] == NASTY
    config = json.loads((training / "config.json").read_text())
    config["options"]["dataset"] = NASTY
    (training / "config.json").write_text(json.dumps(config))
    assert make(training)["title"] == f"{NASTY}, original game"
    page = (training / "report.html").read_text()
    assert NASTY not in page
    assert f"<title>{html.escape(NASTY)}, original game</title>" in page
    assert page.count("</script>") == 2


def test_only_reports_are_replaced(training, tmp_path):
    make(training)
    (training / "result.json").unlink()
    assert make(training)["status"].startswith("3 of 3")
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    (tmp_path / "link.html").symlink_to(training / "report.html")
    for output in (mine, tmp_path / "link.html", tmp_path):
        with pytest.raises(UsageError, match="not replaced"):
            report(training, (), output, 200, 1)
    assert mine.read_text() == "mine"
    with pytest.raises(UsageError, match="no folder"):
        report(training, (), tmp_path / "missing" / "page.html", 200, 1)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        report(tmp_path / "missing", (), None, 200, 1)
    with pytest.raises(UsageError, match="holds no run"):
        report(tmp_path, (), None, 200, 1)
    (tmp_path / "config.json").write_text('{"command": "crossplay"}')
    with pytest.raises(UsageError, match="run of crossplay"):
        report(tmp_path, (), None, 200, 1)
    for broken in ("{", "[]", '{"options": 1}'):
        (tmp_path / "config.json").write_text(broken)
        with pytest.raises(UsageError, match=r"config\.json"):
            report(tmp_path, (), None, 200, 1)
    assert not (tmp_path / "report.html").exists()


def test_the_command_line(training, small_log, tmp_path):
    tool = Tool("analysis.report.report", "report", "", "", add_report_options)
    output = tmp_path / "page.html"
    arguments = [str(training), "--games", str(small_log), "--output", str(output), "--max-games", "2", "--seed", "3"]
    assert "MB, written to" in tool.run("report", arguments)
    assert len(read(output)["logs"][0]["games"]) == 2
    with pytest.raises(UsageError, match="1 or more"):
        tool.run("report", [str(training), "--max-games", "0"])


@pytest.mark.parametrize(
    ("seconds", "said"), [(53.2, "53 s"), (59.6, "1 min 0 s"), (272, "4 min 32 s"), (3800, "1 h 3 min")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said
