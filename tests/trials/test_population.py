"""Populations from end to end: training, files, tests of single pairs, resuming, several processes, turnover."""

import csv
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchbearer import EPOCH, OPTIMIZER

from learning_to_draw import commgame, load
from learning_to_draw.errors import UsageError
from learning_to_draw.games.drawings import matched_distances
from learning_to_draw.models.agents import Meeting
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.loop.meetings import drawing_distances
from learning_to_draw.trials.loop.turnover import Turnover
from learning_to_draw.trials.records.gamelog import read_log
from learning_to_draw.trials.train import _freeze
from learning_to_draw.trials.trained import load_trained, take_trained

ROOT = Path(__file__).parents[2]
TRAIN = ["train", "--batch-size", "60", "--population", "3", "--epochs", "2", "--quiet"]


def call(*words):
    return commgame.main([str(word) for word in words])


def rows_of(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def weights_of(folder, name="model_final.pt"):
    return torch.load(folder / name, weights_only=True)["model"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("population") / "run"
    assert call(*TRAIN, "--output", folder) == 0
    return folder


@pytest.fixture(scope="module")
def tested(trained):
    folder = trained.with_name("test")
    assert call("test", "--weights", trained / "model_final.pt", "--output", folder, "--quiet") == 0
    return folder


def test_the_log_has_the_rates_of_all_meetings_and_their_means(trained):
    for row in rows_of(trained):
        rates = {(k, j): float(row[f"val_commrate_{k}_{j}"]) for k, j in itertools.product(range(3), repeat=2)}
        assert float(row["val_commrate"]) == pytest.approx(np.mean(list(rates.values())), abs=1e-6)
        own = [rate for (k, j), rate in rates.items() if k == j]
        others = [rate for (k, j), rate in rates.items() if k != j]
        assert float(row["val_commrate_own_partner"]) == pytest.approx(np.mean(own), abs=1e-6)
        assert float(row["val_commrate_other_partners"]) == pytest.approx(np.mean(others), abs=1e-6)
        assert float(row["val_distance_between"]) > 0 < float(row["val_distance_within"])
    result = json.loads((trained / "result.json").read_text())
    assert result["communication_rates"] == [[rates[k, j] for j in range(3)] for k in range(3)]
    assert result["games"] == 180 - 180 % 60  # of one meeting


def test_a_test_plays_all_meetings_and_the_log_says_who_played(trained, tested):
    result = json.loads((tested / "result.json").read_text())
    log = read_log(tested)
    assert log.meetings == tuple(itertools.product(range(3), repeat=2))
    for sender, receiver in log.meetings:
        part = log.of_pair(sender, receiver)
        rate = sum(game.correct for game in part.games) / len(part.games)
        assert rate == pytest.approx(result["communication_rates"][sender][receiver])
        assert len(part.games) == result["games"]
        played = load(trained / "model_final.pt", agent=f"{sender},{receiver}").play()
        assert played.communication_rate == pytest.approx(rate)
    assert (tested / "test_senders.png").is_file()


def test_the_strokes_of_a_part_of_the_log_are_those_of_its_sender(trained, tested):
    log = read_log(tested).own_pairs()
    assert [part.part for part in log] == ["agent 0", "agent 1", "agent 2"]
    for number, part in enumerate(log):
        photos = [str(part.picture(game.photo)) for game in part.games[:5]]
        drawn = load(trained / "model_final.pt", agent=number).draw(photos)
        assert np.allclose(part.strokes()[:5].points, drawn.points, atol=1e-4)
    assert len({part.digest() for part in log}) == 3


def test_the_log_of_a_test_has_the_columns_of_the_validation_under_another_prefix(trained, tested):
    validated = {f"test_{name[4:]}" for name in rows_of(trained)[0] if name.startswith("val_")}
    [row] = rows_of(tested)
    assert set(row) == validated | {"epoch"}
    assert (
        float(row["test_commrate_0_1"]) == json.loads((tested / "result.json").read_text())["communication_rates"][0][1]
    )


def test_crossplay_of_a_population_is_its_test(trained, tested, tmp_path):
    assert call("crossplay", trained / "model_final.pt", "--output", tmp_path / "x", "--quiet") == 0
    played, result = (json.loads((folder / "result.json").read_text()) for folder in (tmp_path / "x", tested))
    assert played["names"] == ["run 0", "run 1", "run 2"]
    for rates, expected in zip(played["communication_rates"], result["communication_rates"], strict=True):
        assert rates == pytest.approx(expected)
    assert played["other_partners"] == pytest.approx(result["other_partners"])


def test_one_pair_of_a_population_is_tested_alone(trained, tested, tmp_path, capsys):
    weights = ["test", "--weights", trained / "model_final.pt", "--quiet", "--output"]
    assert call(*weights, tmp_path / "one", "--agent", "2,0") == 0
    result, whole = (json.loads((folder / "result.json").read_text()) for folder in (tmp_path / "one", tested))
    assert result["communication_rate"] == pytest.approx(whole["communication_rates"][2][0])
    assert "communication_rates" not in result
    words = ["measure", tmp_path / "one", "--weights", trained / "model_final.pt", "--only", "erasure", "--markdown"]
    assert call(*words) == 0
    assert "| guesses as logged, played again | 1.0000 |" in capsys.readouterr().out
    assert call(*weights, tmp_path / "none", "--agent", "3") == 2
    assert "there is no sender 3" in capsys.readouterr().err
    assert call(*weights, tmp_path / "none", "--agent", "x") == 2
    assert not (tmp_path / "none").exists()


def test_measure_takes_the_pairs_of_a_log_as_logs(trained, tested, capsys):
    words = ["measure", tested, "--weights", trained / "model_final.pt", "--only", "rate", "consistency"]
    assert call(*words) == 0
    shown = capsys.readouterr().out
    assert all(f"{tested / 'gamelogs'}, agent {number}" in shown for number in range(3))
    assert "in 3 runs" in shown
    assert call(*words, "--agent", "1,2") == 0
    assert "agent" not in capsys.readouterr().out
    assert call(*words, "--agent", "1,3") == 2
    assert "has no games of sender 1 with receiver 3" in capsys.readouterr().err


def test_a_report_shows_every_agent_and_how_they_understand_each_other(trained, tested):
    assert call("report", trained) == 0
    page = (trained / "report.html").read_text()
    assert all(f"test, agent {number}" in page for number in range(3))
    assert "Rate of senders with receivers" in page
    assert "Distance of drawings" in page


def test_the_same_command_trains_the_same_population(trained, tmp_path):
    assert call(*TRAIN, "--output", tmp_path / "again") == 0
    assert (tmp_path / "again" / "log.csv").read_bytes() == (trained / "log.csv").read_bytes()


STOPPED = """
import os, signal, sys
from learning_to_draw import commgame
from learning_to_draw.trials.loop import step
whole, count = step.train_step, 0
def train_step(*arguments):
    global count
    count += 1
    if count == int(sys.argv[1]):
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    return whole(*arguments)
from learning_to_draw.trials.loop import trial
trial.train_step = train_step
sys.exit(commgame.main(sys.argv[3:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "name"), [(7, "SIGTERM"), (30, "SIGTERM"), (30, "SIGKILL")])
def test_a_stopped_population_resumes_with_the_same_results(moment, name, trained, tmp_path):
    folder = tmp_path / "run"
    words = [*TRAIN, "--output", folder, "--resume", "auto"]
    stopped = subprocess.run([sys.executable, "-c", STOPPED, str(moment), name, *map(str, words)], cwd=ROOT)
    assert stopped.returncode != 0
    assert not (folder / "result.json").exists()
    assert call(*words) == 0
    assert (folder / "log.csv").read_bytes() == (trained / "log.csv").read_bytes()
    saved, expected = weights_of(folder), weights_of(trained)
    assert all(torch.equal(value, expected[key]) for key, value in saved.items())


@pytest.mark.slow
def test_two_processes_train_equal_populations_and_play_the_same_games(tmp_path):
    command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "commgame.py", *TRAIN, "--replace-every", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    folder = tmp_path / "run"
    subprocess.run([sys.executable, *command, "--output", str(folder)], cwd=ROOT, env=environment, check=True)
    one, other = tmp_path / "one", tmp_path / "two"
    test = ["commgame.py", "test", "--weights", str(folder / "model_final.pt"), "--output"]
    subprocess.run([sys.executable, *test, str(one)], cwd=ROOT, check=True)
    together = ["-m", "torch.distributed.run", "--nproc-per-node", "2", *test, str(other)]
    subprocess.run([sys.executable, *together], cwd=ROOT, env=environment, check=True)
    rates = [json.loads((place / "result.json").read_text())["communication_rates"] for place in (one, other)]
    assert rates[0] == rates[1]


def test_fixed_partners_do_not_learn_from_others(tmp_path):
    words = ["train", "--batch-size", "60", "--epochs", "1", "--population", "2", "--quiet", "--output"]
    assert call(*words, tmp_path / "fixed", "--partners", "fixed") == 0
    (tmp_path / "one.csv").write_text("1,0\n0,1e-12\n")  # pair 1 practically never plays
    assert call(*words, tmp_path / "one", "--partners", tmp_path / "one.csv") == 0
    torch.manual_seed(1234)
    initial = build_agents(parse("train", words[1:-2]).agents, Pictures({}, 32, 1)).state_dict()
    weights = weights_of(tmp_path / "one")
    trained = {key for key, value in weights.items() if not torch.equal(value, initial[key])}
    assert trained
    assert all(key.startswith("pairs.0.") for key in trained)


def test_new_agents_take_the_place_of_the_oldest(tmp_path):
    words = [*TRAIN, "--epochs", "3", "--snapshot-interval", "1", "--output"]
    assert call(*words, tmp_path / "kept") == 0
    assert call(*words, tmp_path / "replaced", "--replace-every", "1") == 0
    assert call(*words, tmp_path / "again", "--replace-every", "1") == 0
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("kept", "replaced", "again")]
    assert logs[0][:2] == logs[1][:2]  # the first epoch comes before the first replacement
    assert logs[0][2] != logs[1][2]
    assert logs[1] == logs[2]


def test_a_new_agent_is_new_and_the_others_stay(tmp_path):
    config = configure("train", population=2, encoder="SimpleMLPEncoder", latent_size=8)
    torch.manual_seed(0)
    population = build_agents(config.agents, Pictures({}, 16, 1))
    optimizer = torch.optim.Adam(population.parameters())
    population.meeting(Meeting(0, 1))(torch.rand(4, 1, 16, 16), torch.arange(4)[None], 4).scores.sum().backward()
    optimizer.step()
    before = {key: value.clone() for key, value in population.state_dict().items()}
    moments = set(optimizer.state)
    new = build_agents(configure("train", encoder="SimpleMLPEncoder", latent_size=8).agents, Pictures({}, 16, 1))
    turnover = Turnover(population, 5, lambda number: new, seed=1)
    turnover.on_checkpoint({EPOCH: 3, OPTIMIZER: optimizer})  # epochs count from 0
    assert all(torch.equal(value, before[key]) for key, value in population.state_dict().items())
    turnover.on_checkpoint({EPOCH: 4, OPTIMIZER: optimizer})
    after = population.state_dict()
    assert all(torch.equal(after[f"pairs.0.{key}"], value) for key, value in new.state_dict().items())
    assert all(torch.equal(value, before[key]) for key, value in after.items() if key.startswith("pairs.1."))
    assert moments - set(optimizer.state) == moments & set(population.pairs[0].parameters())


def test_frozen_agents_keep_their_weights_and_statistics_when_others_are_replaced():
    options = {"encoder": "BetterCNNEncoder", "latent_size": 8, "population": 2, "separate_encoders": True}
    config = configure("train", **options, freeze_senders=True)
    torch.manual_seed(0)
    population = build_agents(config.agents, Pictures({}, 32, 1))
    _freeze(population, config)
    for value in (*population.parameters(), *population.buffers()):
        value.data.fill_(5)
    old = {key: value.clone() for key, value in population.pairs[0].state_dict().items()}
    single = configure("train", **{**options, "population": 1})
    turnover = Turnover(population, 1, lambda number: build_agents(single.agents, Pictures({}, 32, 1)), seed=1)
    turnover.on_checkpoint({EPOCH: 0, OPTIMIZER: torch.optim.Adam(population.parameters())})
    for key, value in population.pairs[0].state_dict().items():
        assert torch.equal(value, old[key]) == key.startswith(("decoder.", "sender_encoder.")), key


def test_a_longer_run_replaces_the_same_agents(tmp_path):
    words = [*TRAIN, "--replace-every", "1", "--learning-rate", "0.0005"]
    assert call(*words, "--epochs", "3", "--output", tmp_path / "long") == 0
    assert call(*words, "--epochs", "2", "--output", tmp_path / "extended") == 0
    assert call("train", "--resume", tmp_path / "extended", "--epochs", "3", "--quiet") == 0
    logs = [(tmp_path / name / "log.csv").read_bytes() for name in ("long", "extended")]
    assert logs[0] == logs[1]


def test_more_receivers_than_senders_take_over_the_senders_in_order(trained):
    weights = trained / "model_final.pt"
    config = configure("train", senders=2, receivers=3, senders_from=str(weights), separate_encoders=True)
    agents = build_agents(config.agents, Pictures({}, 32, 1))
    take_trained(agents, config, Pictures({}, 32, 1))
    teachers = weights_of(trained)
    for number in (0, 1):
        for key, value in agents.pairs[number].decoder.state_dict().items():
            assert torch.equal(value, teachers[f"pairs.{number}.decoder.{key}"])


def test_a_run_resumes_with_the_partners_of_its_file_from_anywhere_and_without_the_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "who.csv").write_text("1,2\n2,1\n")
    monkeypatch.chdir(tmp_path)
    words = ["train", "--batch-size", "60", "--population", "2", "--partners", "who.csv", "--quiet", "--output", "run"]
    assert call(*words, "--epochs", "1") == 0
    options = json.loads((tmp_path / "run" / "config.json").read_text())["options"]
    assert options["partners"] == "1.0,2.0;2.0,1.0;"
    assert call(*words, "--epochs", "2", "--resume", "auto") == 0
    (tmp_path / "who.csv").write_text("1,1\n1,1\n")
    assert call(*words, "--epochs", "3", "--resume", "auto") == 2
    assert "was started with --partners 1.0,2.0;2.0,1.0;, but this command has --partners" in capsys.readouterr().err
    (tmp_path / "who.csv").unlink()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert call("train", "--resume", tmp_path / "run", "--epochs", "3", "--quiet") == 0


def test_a_loaded_population_plays_as_agent_0(trained, tested):
    played = load(trained).play()
    result = json.loads((tested / "result.json").read_text())
    assert played.communication_rate == pytest.approx(result["communication_rates"][0][0])


def test_a_sender_of_a_population_plays_with_the_receiver_of_a_pair(trained, tmp_path, capsys):
    assert call("train", "--batch-size", "60", "--epochs", "1", "--quiet", "--output", tmp_path / "one") == 0
    pair = tmp_path / "one" / "model_final.pt"
    words = ["test", "--weights", trained / "model_final.pt", "--swap-agents", "--weights-pair2", pair, "--quiet"]
    assert call(*words, "--agent", "2,0", "--output", tmp_path / "swap") == 0
    assert call(*words, "--agent", "2,1", "--output", tmp_path / "none") == 2
    assert "there is no receiver 1" in capsys.readouterr().err


def test_other_tools_ask_for_one_pair(tested, tmp_path, capsys):
    assert call("study", tested, "--output", tmp_path / "study.html") == 2
    assert "Test one pair with --agent" in capsys.readouterr().err


def test_trained_senders_can_be_taken_over_and_frozen(trained, tmp_path):
    words = ["train", "--batch-size", "60", "--epochs", "1", "--quiet", "--separate-encoders"]
    words += ["--senders-from", trained / "model_final.pt", "--from-agent", "2", "--freeze-senders"]
    assert call(*words, "--output", tmp_path / "run") == 0
    taught, teachers = weights_of(tmp_path / "run"), weights_of(trained)
    for key, value in taught.items():
        if key.startswith(("decoder.", "sender_encoder.")):
            assert torch.equal(value, teachers[f"pairs.2.{key}"]), key
    receiver = [key for key in taught if key.startswith("receiver.")]
    assert not any(torch.equal(taught[key], teachers[f"pairs.2.{key}"]) for key in receiver)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"senders_from": "{run}", "from_agent": 3}, "no such agent among the senders"),
        ({"senders_from": "{run}", "nlines": 5}, "--senders-from .* does not fit"),
        ({"receivers_from": "{run}", "rx_hidden": 5}, "--receivers-from .* does not fit"),
    ],
)
def test_agents_that_do_not_fit_are_an_error(trained, options, message):
    weights = str(trained / "model_final.pt")
    config = configure("train", **{name: weights if value == "{run}" else value for name, value in options.items()})
    agents = build_agents(config.agents, Pictures({}, 32, 1))
    with pytest.raises(UsageError, match=message):
        take_trained(agents, config, Pictures({}, 32, 1))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--population", "2", "--senders", "3"], "--population 2 sets the numbers"),
        (["--partners", "ring"], "--partners ring has no effect: there is one pair"),
        (["--replace-every", "2"], "--replace-every 2 has no effect"),
        (["--freeze-senders", "--freeze-receivers"], "nothing would be trained"),
        (["--senders", "2", "--receivers", "3", "--replace-every", "1"], "Give as many senders as receivers"),
        (["--teacher", "a.pt", "--freeze-senders"], "Leave out one of them"),
        (["--senders-from", "a.pt", "--receivers-from", "b.pt"], "Add --separate-encoders"),
        (["--from-agent", "1"], "--from-agent 1 has no effect"),
        (["--population", "2", "--partners", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--population", "0"], "population"),
    ],
)
def test_options_that_do_not_go_together_are_an_error(words, message, tmp_path, capsys):
    assert call("train", *words, "--output", tmp_path / "run") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_swap_needs_single_agents(trained, tmp_path, capsys):
    weights = trained / "model_final.pt"
    words = ["test", "--weights", weights, "--swap-agents", "--weights-pair2", weights, "--output", tmp_path / "swap"]
    assert call(*words) == 2
    assert "Choose them with --agent" in capsys.readouterr().err
    assert call(*words, "--agent", "0,1", "--quiet") == 0
    assert load_trained("test", weights, {"weights": str(weights)}).checkpoint.options["population"] == 3


def test_drawings_with_strokes_that_are_not_drawn_have_no_distances(tmp_path, capsys):
    words = ["--senders", "2", "--stroke-gates", "--stroke-price", "1", "--learning-rate", "0.1", "--nlines", "2"]
    words += ["--batch-size", "150", "--epochs", "1", "--quiet"]
    assert call("train", *words, "--output", tmp_path / "run") == 0
    assert call("test", "--weights", tmp_path / "run", "--quiet", "--output", tmp_path / "test") == 0
    for folder, prefix in (("run", "val"), ("test", "test")):
        result = json.loads((tmp_path / folder / "result.json").read_text())
        for name in ("distance_between", "distance_within"):
            assert rows_of(tmp_path / folder)[-1][f"{prefix}_{name}"] == ""
            assert result[name] is None
        assert result["own_partner"] is not None
    said = "the distances between drawings are not measured: some strokes are not drawn, but these distances compare"
    assert capsys.readouterr().out.count(said) == 2  # once in each run


def test_distances_of_drawings():
    one = np.array([[[[0.0, 0.0], [0.0, 1.0]]], [[[1.0, 0.0], [1.0, 1.0]]]])  # two photos, one line each
    other = one + np.array([0.5, 0.0])
    assert matched_distances(one, one[0]).tolist() == [0, 1]
    assert drawing_distances([one, other]) == {"distance_between": 0.5, "distance_within": 1.0}
    assert drawing_distances([one]) == {"distance_between": None, "distance_within": 1.0}
