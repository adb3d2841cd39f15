"""New agents learn a language from trained ones: what is trained, and what the table says."""

import csv
import shutil

import numpy as np
import pytest

from learning_to_draw import commgame
from learning_to_draw.experiments.jobs import Job
from learning_to_draw.experiments.learnability import Learner, _rows, _runs, _table
from learning_to_draw.experiments.rows import Row
from learning_to_draw.text_tables import as_csv
from learning_to_draw.trials.records.own_files import NAMES


def call(*words):
    return commgame.main([str(word) for word in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnability") / "run"
    words = ["train", "--batch-size", "150", "--population", "2", "--epochs", "1", "--nlines", "4", "--quiet"]
    assert call(*words, "--learning-rate", "0.002*0.5@[1]", "--partners", "ring", "--output", folder) == 0
    return folder


def test_learners_have_the_games_of_the_run_and_frozen_partners(trained):
    weights = trained / "model_final.pt"
    rows = {row.name: row for row in _rows(weights, agent=1, epochs=7)}
    for row in rows.values():
        config = row.config
        assert config.agents.counts == (1, 1)
        assert config.agents.separate_encoders
        assert config.agents.decoder.config.nlines == 4
        assert (config.epochs, config.learning_rate, config.game.config.batch_size) == (7, "0.002", 150)
    receivers, untrained = rows["receivers"].config, rows["receivers-untrained"].config
    assert (receivers.senders_from, receivers.from_agent, receivers.freeze_senders) == (weights, 1, True)
    assert (untrained.senders_from, untrained.freeze_senders, untrained.freeze_receivers) == (None, True, False)
    senders = rows["senders"].config
    assert (senders.receivers_from, senders.freeze_receivers, senders.freeze_senders) == (weights, True, False)


def test_a_dry_run_prints_the_commands(trained, tmp_path, capsys):
    assert call("learnability", trained, "--epochs", "3", "--output", tmp_path / "l", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert shown.count("--freeze-senders") == 2
    assert shown.count("--receivers-from") == 1
    assert not (tmp_path / "l").exists()


def test_the_table_counts_epochs_from_1_and_says_if_a_rate_is_not_reached():
    class Kind:
        title = "receivers"

    seeds = [Learner(np.array([0.2, 0.6]), 0.4, 2.0), Learner(np.array([0.4, 0.4]), 0.4, float("nan"))]
    heading, line = _table({Kind: seeds}, 0.5)
    assert heading[3] == "epochs until 50 %"
    assert line == ["receivers", "50.0 ± 14.1", "40.0 ± 0.0", "2.0 (1 of 2)", "2"]
    assert _table({Kind: seeds[1:]}, 0.5)[1][3] == "not reached"


def test_the_csv_file_has_the_unrounded_numbers_of_every_learner(tmp_path):
    row = Row("receivers", "receivers, trained senders", {})
    reached, never = Learner(np.array([0.25, 2 / 3]), 11 / 24, 2.0), Learner(np.array([0.4, 0.4]), 0.4, float("nan"))
    learners = {Job(row, 0, tmp_path): reached, Job(row, 7, tmp_path): never}
    rows = list(csv.DictReader(as_csv(_runs(learners, 0.5)).splitlines()))
    assert [(one["row"], one["seed"], one["reach"]) for one in rows] == [
        ("receivers", "0", "0.5"),
        ("receivers", "7", "0.5"),
    ]
    assert [(float(one["rate"]), float(one["area"])) for one in rows] == [(2 / 3, 11 / 24), (0.4, 0.4)]
    assert [one["epochs_to_reach"] for one in rows] == ["2", ""]


def test_a_file_that_is_no_checkpoint_is_an_error(tmp_path, capsys):
    assert call("learnability", tmp_path / "no.pt") == 2
    assert "there is no such file" in capsys.readouterr().err
    assert call("learnability", tmp_path) == 2
    assert "holds no model_final.pt" in capsys.readouterr().err


@pytest.mark.slow
def test_learners_of_a_run(trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    words = ["learnability", run, "--epochs", "2", "--reach", "0.01", "--output", tmp_path / "l", "--jobs", "2"]
    assert call(*words) == 0
    shown = capsys.readouterr().out
    with (tmp_path / "l" / "learnability.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ["receivers", "receivers-untrained", "senders", "senders-untrained"]
    assert [row["row"] for row in rows] == names
    for row, name in zip(rows, names, strict=True):
        with (tmp_path / "l" / name / "seed-0" / "log.csv").open() as file:
            rates = [float(epoch["val_commrate"]) for epoch in csv.DictReader(file)]
        assert float(row["area"]) == pytest.approx(np.mean(rates))
        assert float(row["rate"]) == rates[-1]
        reached = [str(epoch) for epoch, rate in enumerate(rates, start=1) if rate >= 0.01]
        assert row["epochs_to_reach"] == (reached[0] if reached else "")
        assert f"{100 * float(row['area']):.1f}" in shown
    written = {path.name for path in (tmp_path / "l").iterdir() if path.is_file()}
    assert written - {"written.json"} <= set(NAMES)
    assert call(*words) == 0  # nothing is trained again
    assert capsys.readouterr().out == shown
    assert call("train", "--resume", run, "--epochs", "2", "--quiet") == 0
    for seed in "01":  # the senders of these learners are gone
        assert call(*words, "--seeds", seed) == 2
        assert "but this checkpoint has changed since" in capsys.readouterr().err
