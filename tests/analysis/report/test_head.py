"""What stands at the top of a report: its title, results and facts."""

import json

import pytest

from learning_to_draw.analysis.report.head import duration


def test_the_head_of_a_finished_training(training, make_report):
    content = make_report(training)
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


def test_the_best_epoch_is_told_where_it_is_not_the_last(training, make_report):
    result = json.loads((training / "result.json").read_text())
    result["best"] = {"epoch": 1, "communication_rate": 0.8}
    (training / "result.json").write_text(json.dumps(result))
    best = make_report(training)["results"][1]
    assert (best["label"], best["rate"], best["low"]) == ("validation, best epoch (2)", 0.8, None)


def test_the_time_of_a_resumed_training_counts_all_its_epochs(training, make_report):
    result = json.loads((training / "result.json").read_text())
    (training / "result.json").write_text(json.dumps(result | {"seconds": 40.0}))  # since it was resumed
    assert ["time taken", "4 min 30 s"] in make_report(training)["facts"]


def test_the_result_of_a_test_without_a_log_stands_beside_another_log(
    tmp_path, training, make_log, random_games, make_report
):
    test = tmp_path / "test"
    test.mkdir()
    config = json.loads((training / "config.json").read_text())
    (test / "config.json").write_text(json.dumps(config | {"command": "test", "arguments": ["commgame.py", "test"]}))
    result = {"communication_rate": 0.625, "games": 8, "candidates": 4, "chance": 0.25, "split": "test"}
    (test / "result.json").write_text(json.dumps(result))
    other = make_log(tmp_path / "other", random_games(6))
    content = make_report(test, logs=[other])
    assert [(entry["label"], entry["rate"]) for entry in content["results"]] == [("test", 0.625), ("test: other", 0.5)]
    assert ["candidates", "4"] in content["facts"]
    assert [entry["label"] for entry in make_report(other, logs=[])["results"]] == ["test: other"]


def test_a_test_of_an_earlier_state_says_after_how_many_epochs(training, tmp_path, make_log, random_games, make_report):
    for name, epoch in (("early", 0), ("final", 2)):
        make_log(tmp_path / name / "gamelogs", random_games(6))
        (tmp_path / name / "result.json").write_text(json.dumps({"communication_rate": 0.5, "epoch": epoch}))
    content = make_report(training, logs=[tmp_path / "early", tmp_path / "final"])
    labels = [entry["label"] for entry in content["results"]]
    assert labels[1:] == ["test after 1 of 3 epochs: early", "test: final"]


def test_a_running_run_tells_its_latest_rate(training, make_report):
    (training / "result.json").unlink()
    (result,) = make_report(training)["results"]
    assert (result["label"], result["rate"], result["low"], result["chance"]) == (
        "validation, epoch 3",
        0.75,
        None,
        0.25,
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(53.2, "53 s"), (59.6, "1 min 0 s"), (272, "4 min 32 s"), (3800, "1 h 3 min")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said
