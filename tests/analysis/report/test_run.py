"""Runs as they are found on disk: just begun, of the official code, with tests beside them, or no runs at all."""

import json

import pytest

from learning_to_draw.analysis.report.report import report
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.read_run import read_run

OFFICIAL = "epoch,running_loss,running_commrate,lr,loss,commrate,commrate_std,val_loss,val_commrate,val_commrate_std\n"


def test_a_run_that_has_just_begun(training, make_report):
    for path in training.iterdir():
        if path.name not in ("config.json", "train_cmd.txt"):
            path.unlink()
    content = make_report(training)
    assert content["status"] == "0 of 3 epochs done: still running, or stopped early"
    assert content["results"] == []
    assert "No epoch is in log.csv yet" in content["curves"]["missing"]
    assert "each epoch adds some" in content["sketches"]["missing"]
    # The header alone, and then a first row that is not whole: what is there counts.
    (training / "log.csv").write_text("epoch,lr,loss,commrate,val_loss,val_commrate\n")
    assert "No epoch is in log.csv yet" in make_report(training)["curves"]["missing"]
    (training / "log.csv").write_text("epoch,lr,loss,commrate,val_loss,val_commrate\n0,0.1,7,0.5")
    content = make_report(training)
    assert [one["values"] for one in content["curves"]["charts"][0]["series"]] == [[0.5], [None]]
    assert content["curves"]["charts"][0]["chance"] == 0.25  # of the batch size, as there is no result yet
    assert content["status"].startswith("1 of 3 epochs")


def test_a_folder_of_the_official_code(tmp_path, make_report, flat, write_grid):
    (tmp_path / "train_cmd.txt").write_text("commgame.py train --dataset STL10 --batch-size=100 --loss HingeLoss")
    (tmp_path / "log.csv").write_text(OFFICIAL + "0,1,0.1,0.0001,1.5,0.25,0.4,1.25,0.5,0.3\n")
    write_grid(tmp_path / "val_reconstruction_samples_00.png", [flat(1)] * 3, padding=123)
    content = make_report(tmp_path)
    assert content["title"] == "STL10, original game"
    assert content["results"][0]["rate"] == 0.5
    assert content["curves"]["charts"][0]["chance"] == 0.01
    assert content["options"] == []
    assert content["versions"] == {}
    assert content["command"].startswith("python commgame.py train --dataset STL10")
    assert [len(one["sketches"]) for one in content["sketches"]["epochs"]] == [1]
    # With --object-oriented, the number of candidates is that of the classes unless the command says it.
    (tmp_path / "train_cmd.txt").write_text("commgame.py train --dataset STL10 --object-oriented same")
    content = make_report(tmp_path)
    assert content["title"] == "STL10, same game"
    assert content["curves"]["charts"][0]["chance"] is None


@pytest.mark.parametrize(("said", "game"), [("classmates", "classmates"), ("none", "original")])
def test_a_plugins_game_has_its_own_name(said, game, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"options": {"object_oriented": said}}))
    assert read_run(tmp_path).game == game


def test_tests_beside_a_training_are_found_by_their_weights(training, tmp_path, make_log, random_games, make_report):
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
    assert [log["name"] for log in make_report(training)["logs"]] == ["b-early", "a-late"]
    # Those that are named go before; a log is shown once, however it is named.
    named = [tmp_path / "other", tmp_path / "other" / "gamelogs"]
    assert [log["name"] for log in make_report(training, logs=named)["logs"]] == ["other"]


def test_tests_are_found_from_anywhere_and_when_both_were_copied(
    training, tmp_path, make_log, random_games, make_report
):
    (training / "model_final.pt").touch()
    make_log(tmp_path / "test" / "gamelogs", list(random_games(2)))
    for weights in (f"elsewhere/{training.name}/model_final.pt", f"/no/such/{training.name}/model_final.pt"):
        (tmp_path / "test" / "config.json").write_text(json.dumps({"options": {"weights": weights}}))
        assert [log["name"] for log in make_report(training)["logs"]] == ["test"]
    (tmp_path / "test" / "config.json").write_text(json.dumps({"options": {"weights": f"{training.name}/model_9.pt"}}))
    assert make_report(training)["logs"] == []  # of another run with this name


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


@pytest.mark.parametrize("name", ["train_cmd.txt", "model-info.txt", "log.csv", "metrics.jsonl", "val_samples.png"])
def test_files_of_a_run_that_lead_elsewhere_are_not_read(name, training, tmp_path):
    private = tmp_path / f"private-{name}"
    (training / name).rename(private)
    (training / name).symlink_to(private)
    with pytest.raises(UsageError, match=f"{name} is a link that leads out of"):
        report(training, (), None, 200, 1)
    assert not (training / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "changed", "place"),
    [
        ("config.json", {"versions": None}, r"\$\.versions"),
        ("config.json", {"options": {"epochs": {"a": 1}}}, r"\$\.options"),
        ("config.json", {"sources": ["default"]}, r"\$\.sources"),
        ("result.json", {"interval": 0.5}, r"\$\.interval"),
        ("result.json", {"best": {"epoch": 1}}, r"\$\.best"),
        ("result.json", {"seconds": "long"}, r"\$\.seconds"),
        ("result.json", {"chance": float("nan")}, r"\$\.chance"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_place(name, changed, place, training):
    content = json.loads((training / name).read_text())
    (training / name).write_text(json.dumps(content | changed))
    with pytest.raises(UsageError, match=rf"{name} cannot be read: .* at `{place}"):
        report(training, (), None, 200, 1)
