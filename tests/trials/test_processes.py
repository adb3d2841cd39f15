"""Several processes train and test one pair: the numbers of one process, wherever that can be."""

import csv
import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from learning_to_draw import commgame
from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses.terms import HingeLoss
from learning_to_draw.games.sampling import DifferentGame, MixedGame, OriginalGame
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import ReceiverConfig
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.config import SimpleMLPConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.models.receivers import SimpleReceiverMLP
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import build_batches, build_loss, load_pictures, seeds_of
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.trial import build_trial, evaluate
from learning_to_draw.trials.records.checkpoints import load_agents, load_checkpoint
from learning_to_draw.trials.resume import load_interrupted

ROOT = Path(__file__).parents[2]


def call(*arguments):
    return commgame.main([str(word) for word in arguments])


def start(command, processes=2, **more):
    """The processes, as torchrun would start them, and their ends: (exit code, stdout, stderr) of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    started = [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=ROOT,
            env={**os.environ, **together, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    return [(process.returncode, *said) for process in started if (said := process.communicate(timeout=300))]


def numbered(name, count=26):
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    return Split(name, images, torch.arange(count) % 4, tuple("abcd"), torch.arange(count))


def batches_of(kind, share, name="train"):
    split = numbered(name)
    game = {"original": OriginalGame, "different": DifferentGame, "mixed": MixedGame}[kind]
    config = GameConfig(batch_size=4) if kind == "original" else GameConfig(batch_size=6, num_targets=3)
    sampler = game(config, split, generator=torch.Generator().manual_seed(3), shuffle=name == "train")
    return GameBatches(split, sampler, device=torch.device("cpu"), seed=1, share=share)


@pytest.mark.parametrize("kind", ["original", "mixed"])
@pytest.mark.parametrize("processes", [2, 3, 4])
def test_processes_share_out_what_one_would_play(kind, processes):
    whole = batches_of(kind, (0, 1))
    shares = [batches_of(kind, (rank, processes)) for rank in range(processes)]
    for _ in range(2):  # in the second epoch, too, all have the same deals
        played = [batch.photos for batch in whole]
        turns = list(zip(*shares, strict=True))
        assert len(turns) == len(played) // processes == len(shares[0])
        for one, other in zip(played, [batch.photos for turn in turns for batch in turn], strict=False):
            assert torch.equal(one, other)
        for share in shares:  # one process goes on to deal what makes no whole turn
            assert torch.equal(share.sampler.generator.get_state(), shares[0].sampler.generator.get_state())
        whole = batches_of(kind, (0, 1))
        list(itertools.islice(whole, len(turns) * processes))
    assert shares[0].games == len(turns) * processes * whole.sampler.games * whole.sampler.senders


@pytest.mark.parametrize("kind", ["original", "different"])
def test_an_epoch_can_be_entered_anywhere(kind):
    for share in ((0, 1), (1, 2)):
        whole = [batch.items for batch in batches_of(kind, share)]
        for first in (0, 1, len(whole)):
            rest = [batch.items for batch in batches_of(kind, share).after(first)]
            assert len(rest) == len(whole) - first
            for one, other in zip(whole[first:], rest, strict=True):
                assert torch.equal(one.senders, other.senders)
                assert torch.equal(one.candidates, other.candidates)


# In each of two processes: one step of a game of 3, with the candidates of both in one pool, in float64.
STEP = """
import sys, torch
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.trials.loop import distributed
from learning_to_draw.trials.loop.batches import Batch
from learning_to_draw.trials.loop.trial import build_trial
from torchbearer import X, Y_TRUE, MODEL, OPTIMIZER

@distributed.process_group()
def step(pair, pool, saved_by, file):
    agents, photos = torch.load(pair, weights_only=False)
    rank = distributed.rank()
    order = torch.tensor([[1, 2, 0], [2, 0, 1]])[rank]
    batch = Batch(photos[3 * rank : 3 * rank + 3], order[None], order.argsort(), None)
    optimizer = torch.optim.SGD(agents.parameters(), lr=1.0)
    loss, device = TotalLoss(HingeLoss()), torch.device("cpu")
    trial = build_trial(agents, loss, device, optimizer=optimizer, gather_candidates=pool == "pool")
    trial.state[MODEL].train()
    trial.state[X], trial.state[Y_TRUE] = batch, batch.targets
    trial.closure(trial.state)
    if rank == int(saved_by):
        torch.save([parameter.grad for parameter in agents.parameters()], file)

step(*sys.argv[1:])
"""


@pytest.mark.parametrize("pool", ["pool", pytest.param("apart", marks=pytest.mark.slow)])
def test_gradients_are_those_of_one_process_with_all_games(pool, tmp_path):
    torch.manual_seed(0)
    encoder = SimpleMLPEncoder(SimpleMLPConfig(latent_size=5, encoder_hidden=6), image_size=4, channels=1)
    decoder = SinglePassSimpleLineDecoder(LineConfig(nlines=2, sigma2=0.1), latent_size=5, image_size=4)
    agents = Agents(encoder, encoder, decoder, SimpleReceiverMLP(ReceiverConfig(), latent_size=5)).double()
    photos = torch.rand(6, 1, 4, 4, dtype=torch.float64)
    torch.save((agents, photos), tmp_path / "pair.pt")
    ends = start(["-c", STEP, tmp_path / "pair.pt", pool, "1", tmp_path / "gradients.pt"])
    assert [code for code, *_ in ends] == [0, 0], ends
    both = torch.load(tmp_path / "gradients.pt", weights_only=True)

    if pool == "pool":  # one game of 6
        scores = agents(photos, torch.arange(6)[None], 6).scores
        HingeLoss()(scores, torch.arange(6)).backward()
    else:
        for game in photos.split(3):
            (HingeLoss()(agents(game, torch.arange(3)[None], 3).scores, torch.arange(3)) / 2).backward()
    for mine, parameter in zip(both, agents.parameters(), strict=True):
        assert parameter.grad.abs().max() > 0
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-10, atol=1e-14)


def files_of(folder):
    """Every file of a run but those that tell the command, the time and where the run is."""
    told = ("config.json", "card.json", "result.json", "metrics.jsonl", "train_cmd.txt", "eval_cmd.txt")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in told and path.suffix != ".pt"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def assert_same_weights(one, other):
    first, second = (torch.load(folder / "model_final.pt", weights_only=True)["model"] for folder in (one, other))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A run of torchrun's, with batch statistics and views, and the command without --output."""
    folder = tmp_path_factory.mktemp("two") / "run"
    arguments = "--encoder StrokeNetEncoder --batchnorm --latent-size 16 --object-oriented mixed --batch-size 70"
    command = ["commgame.py", "train", "--epochs", "2", "--random-transform-sender", *arguments.split()]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*torchrun, *command, "--output", folder], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "processes      2, each with its own batches" in done.stdout
    assert done.stdout.count("epoch 2/2") == 1
    return folder, command


@pytest.mark.slow
def test_held_out_games_are_those_of_one_process(two):
    """With statistics that the processes have agreed on."""
    folder, command = two
    config = parse("train", command[2:], {"num_targets": load_interrupted(folder).options["num_targets"]})
    cpu, seeds = torch.device("cpu"), seeds_of(config)
    pictures = load_pictures(config.dataset, ("train", "valid", "test"), cpu)
    agents = build_agents(config.agents, pictures)
    load_agents(agents, load_checkpoint(folder / "model_final.pt"))
    played = build_batches(config.game, pictures, cpu, seeds)["valid"]
    loss = build_loss(config.loss, config.auxiliary.values(), agents, seeds)
    alone = evaluate(build_trial(agents, loss, cpu), played)
    last = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))[-1]
    assert float(last["val_commrate"]) == alone["test_commrate"]
    assert float(last["val_commrate_std"]) == alone["test_commrate_std"]
    assert float(last["val_loss"]) == pytest.approx(alone["test_loss"], rel=1e-6)  # other numbers of threads


# A training without augmentation, whose random views are each process's own.
PLAIN = """
import dataclasses, sys
from learning_to_draw import commgame
from learning_to_draw.trials.loop import batches
build = batches.GameBatches.__init__
def build_plain(self, split, *arguments, **more):
    build(self, dataclasses.replace(split, augment=None), *arguments, **more)
batches.GameBatches.__init__ = build_plain
sys.exit(commgame.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_log_of_training_is_of_all_processes(tmp_path):
    """At a learning rate that changes nothing, the same batches are played by two processes as by one."""
    command = ["-c", PLAIN, "train", "--learning-rate", "1e-30", "--epochs", "1", "--batch-size", "60", "--output"]
    for name, processes in (("one", 1), ("two", 2)):
        ends = start([*command, tmp_path / name], processes)
        assert {code for code, *_ in ends} == {0}, ends
    one, two = (next(csv.DictReader((tmp_path / name / "log.csv").read_text().splitlines())) for name in ("one", "two"))
    for name in ("loss", "commrate", "commrate_std", "val_loss", "val_commrate"):
        assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-4), name
    assert 0 < float(one["commrate"]) < 1


@pytest.mark.slow
def test_a_test_is_that_of_one_process(two, tmp_path):
    weights = two[0] / "model_final.pt"
    ends = start(["commgame.py", "test", "--weights", weights, "--batch-size", "60", "--output", tmp_path / "two"])
    assert [code for code, *_ in ends] == [0, 0], ends
    assert ends[1][1] == ""
    (alone,) = start(
        ["commgame.py", "test", "--weights", weights, "--batch-size", "60", "--output", tmp_path / "one"], 1
    )
    assert alone[0] == 0
    assert len(list((tmp_path / "one" / "gamelogs").iterdir())) == 7
    assert files_of(tmp_path / "two") == files_of(tmp_path / "one")
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two")]
    assert all(results[0][name] == results[1][name] for name in ("communication_rate", "loss", "games", "interval"))
    assert results[0]["communication_rate"] > 0.1


# A process of a training that is sent SIGTERM before a batch, of that number from 0, if it is the second one.
STOPPED = """
import os, signal, sys
from learning_to_draw import commgame
from learning_to_draw.trials.loop import batches
left, gather = int(sys.argv.pop(1)), batches.GameBatches.gather
def gather_and_stop(self, deal):
    global left
    left -= self.split.name == "train"
    if left == -1 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGTERM)
    return gather(self, deal)
batches.GameBatches.gather = gather_and_stop
sys.exit(commgame.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_all_stop_where_one_is_told_to_and_go_on_together(two, tmp_path, capsys):
    folder, (_, *arguments) = two
    stopped = tmp_path / "run"
    ends = start(["-c", STOPPED, 3, *arguments, "--output", stopped])
    assert [code for code, *_ in ends] == [143, 143], ends
    assert (load_interrupted(stopped).epochs, load_interrupted(stopped).batches) == (0, 4)
    assert call("train", "--resume", stopped) == 2
    assert "the number of processes was 2 when the run was started, and is 1 now" in capsys.readouterr().err
    ends = start(["commgame.py", "train", "--resume", stopped])
    assert [code for code, *_ in ends] == [0, 0], ends
    again = files_of(stopped)
    assert again.pop("resumed.json")
    assert again == files_of(folder)
    assert_same_weights(stopped, folder)


# Only the first process calls it, so only that one asks to stop.
STOPS = """
import torchbearer
from torchbearer.callbacks import Callback
from learning_to_draw.plugins import callback

@callback("stops")
class Stops(Callback):
    def __init__(self, folder, agents):
        super().__init__()

    def on_step_training(self, state):
        state[torchbearer.STOP_TRAINING] = state[torchbearer.EPOCH] == 1
"""


@pytest.mark.slow
def test_all_stop_after_the_epoch_in_which_a_callback_asks_for_it(tmp_path):
    (tmp_path / "stops.py").write_text(STOPS)
    arguments = ["--plugin", tmp_path / "stops.py", "--callbacks", "stops", "--batch-size", "150", "--epochs", "3"]
    command = ["commgame.py", "train", *arguments, "--output", tmp_path / "run", "--resume", "auto"]
    for told in ("a callback has stopped the training after epoch 2 of 3", "nothing left to do"):
        ends = start(command)
        assert [code for code, *_ in ends] == [0, 0], ends
        assert told in ends[0][1]
        assert json.loads((tmp_path / "run" / "result.json").read_text())["epochs"] == 2
    assert load_checkpoint(tmp_path / "run" / "model_final.pt").epoch == 1


@pytest.mark.slow
def test_when_one_process_ends_the_others_say_so(two, tmp_path):
    folder, command = two
    ends = start([*command, "--output", folder])  # which only the first one looks at
    assert [code for code, *_ in ends] == [2, 1], ends
    assert ends[0][2].startswith("error: --output")
    assert ends[1][2].startswith("process 1: failed: lost contact with another process of this run (")
    assert ends[1][2].endswith("or start the test again.\n")
    ends = start(["commgame.py", "crossplay", folder / "model_final.pt", folder / "model_best.pt"])
    assert [code for code, *_ in ends] == [2, 2], ends


@pytest.mark.slow
def test_agents_learn_as_well_from_pooled_candidates(tmp_path):
    arguments = ["--batch-size", "16", "--epochs", "3", "--gather-candidates"]
    ends = start(["commgame.py", "train", *arguments, "--output", tmp_path / "run"])
    assert [code for code, *_ in ends] == [0, 0], ends
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert float(rows[-1]["val_commrate"]) > 3 / 16  # of 16 candidates; in training it is 32
    assert json.loads((tmp_path / "run" / "result.json").read_text())["candidates"] == 16


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--gather-candidates needs several processes"),
        (["--object-oriented", "same"], "original game, but this run has --object-oriented same"),
    ],
)
def test_pooling_needs_other_processes_and_the_original_game(arguments, told, tmp_path, capsys):
    assert call("train", "--gather-candidates", *arguments, "--output", tmp_path / "run") == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
