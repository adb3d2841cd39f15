"""The torchbearer trial: what one step does, what it measures, and that errors keep their traceback."""

import csv
import math
import traceback

import pytest
import torch
import torchbearer
from torch import nn
from torchbearer.callbacks import Callback

from learning_to_draw.datasets.splits import Split
from learning_to_draw.errors import RunError
from learning_to_draw.games.config import GameConfig
from learning_to_draw.games.losses.config import PerceptualConfig
from learning_to_draw.games.losses.perceptual import PerceptualLoss
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.games.sampling import OriginalGame
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import ChannelNoise, ReceiverConfig
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.batch_norm import running_statistics
from learning_to_draw.models.encoders.config import SimpleMLPConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.models.receivers import SimpleReceiverMLP
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.loop.batches import GameBatches
from learning_to_draw.trials.loop.callbacks import (
    EpochClock,
    LearntWeightsColumns,
    RecalibrateBatchNorm,
    RunLog,
    Snapshots,
    StopOnNaN,
)
from learning_to_draw.trials.loop.trial import build_trial, evaluate, run

CPU = torch.device("cpu")


def batches(name, count=16):
    torch.manual_seed(1)
    images = torch.randint(0, 256, (count, 1, 12, 12), dtype=torch.uint8)
    split = Split(name, images, torch.zeros(count, dtype=torch.long), ("only",), torch.arange(count))
    generator = torch.Generator().manual_seed(0)
    sampler = OriginalGame(GameConfig(batch_size=8), split, generator=generator, shuffle=name == "train")
    return GameBatches(split, sampler, device=CPU, seed=0)


def pair():
    torch.manual_seed(0)
    encoder = SimpleMLPEncoder(SimpleMLPConfig(latent_size=8, encoder_hidden=16), image_size=12, channels=1)
    decoder = SinglePassSimpleLineDecoder(LineConfig(stroke_spread=1.0, nlines=3), latent_size=8, image_size=12)
    return Agents(encoder, encoder, decoder, SimpleReceiverMLP(ReceiverConfig(), latent_size=8))


def new_snapshots(folder, agents, interval):
    loss, options = TotalLoss(HingeLoss()), configure("train").values()
    return Snapshots(folder, agents, loss, options, interval=interval, keep_last=0)


class Note(Callback):
    """Keeps the scores, targets and losses of every batch."""

    def __init__(self):
        super().__init__()
        self.right, self.losses = [], []

    def _note(self, state):
        play, targets = state[torchbearer.Y_PRED].play, state[torchbearer.Y_TRUE]
        self.right += (play.scores.argmax(1) == targets).float().tolist()
        self.losses.append(state[torchbearer.LOSS].item())

    on_step_training = on_step_validation = _note


def test_metrics_are_what_the_reference_says():
    agents, train_notes = pair(), Note()
    optimizer = torch.optim.Adam(agents.parameters(), lr=0.01)
    trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, optimizer=optimizer, callbacks=[train_notes])
    row = run(trial, batches("train"), batches("valid"), 1)[0]
    train, valid = torch.tensor(train_notes.right[:16]), torch.tensor(train_notes.right[16:])
    assert row["commrate"] == pytest.approx(train.mean().item())
    assert row["commrate_std"] == pytest.approx(train.std().item(), abs=1e-6)
    assert row["val_commrate"] == pytest.approx(valid.mean().item())
    assert row["loss"] == pytest.approx(sum(train_notes.losses[:2]) / 2)
    assert row["val_loss"] == pytest.approx(sum(train_notes.losses[2:]) / 2)
    assert row["lr"] == 0.01
    assert {"running_loss", "running_commrate"} <= set(row)


class Ink(nn.Module):
    """An auxiliary loss with a factor that is learnt; notes the mode that it is called in."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))
        self.modes = []

    def forward(self, play):
        self.modes.append(self.training)
        return self.factor * play.sketches.mean()


def test_training_steps_are_adams_on_the_sum_of_the_terms():
    agents, reference = pair(), pair()
    total = TotalLoss(HingeLoss(), {"ink": Ink().requires_grad_(False)})
    optimizer = torch.optim.Adam(agents.parameters(), lr=0.01)
    row = run(build_trial(agents, total, CPU, optimizer=optimizer), batches("train"), batches("valid"), 2)[-1]
    assert row["loss"] == pytest.approx(row["game_loss"] + row["ink_loss"])

    optimizer = torch.optim.Adam(reference.parameters(), lr=0.01)
    played = batches("train")
    for _ in range(2):
        for batch in played:
            play = reference(batch.photos, batch.candidates, batch.senders)
            loss = torch.nn.functional.multi_margin_loss(play.scores, batch.targets) + play.sketches.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, value in reference.state_dict().items():
        assert torch.allclose(agents.state_dict()[name], value, atol=1e-7), name


def test_a_loss_changes_mode_with_the_agents():
    agents, ink = pair(), Ink()
    optimizer = torch.optim.Adam([*agents.parameters(), *ink.parameters()], lr=0.01)
    trial = build_trial(agents, TotalLoss(HingeLoss(), {"ink": ink}), CPU, optimizer=optimizer)
    run(trial, batches("train"), batches("valid"), 2)
    assert ink.modes == [True, True, False, False] * 2  # two batches each
    assert ink.factor.item() == pytest.approx(0.96, abs=2e-3)  # four steps of about 0.01, against a positive gradient


def test_learnt_weights_are_logged(tmp_path):
    agents, log = pair(), RunLog(tmp_path / "log.csv")
    agents.sender_encoder.feature_layers = ("relu1", "fire3")
    perceptual = PerceptualLoss(PerceptualConfig(learn_sop_weights=True), agents)
    with torch.no_grad():
        perceptual.weights.values[:] = torch.tensor([3.0, 4.0])
    optimizer = torch.optim.Adam(agents.parameters())
    callbacks = [LearntWeightsColumns(perceptual), log]
    trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, optimizer=optimizer, callbacks=callbacks)
    run(trial, batches("train"), batches("valid"), 1)
    row = next(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert float(row["sop_weight_relu1"]) == pytest.approx(0.6)
    assert float(row["sop_weight_fire3"]) == pytest.approx(0.8)


def test_evaluation_changes_nothing_and_names_its_metrics():
    agents = pair()
    before = {name: value.clone() for name, value in agents.state_dict().items()}
    measured = evaluate(build_trial(agents, TotalLoss(HingeLoss()), CPU), batches("test"))
    assert set(measured) == {"test_loss", "test_commrate", "test_commrate_std"}
    assert all(torch.equal(before[name], value) for name, value in agents.state_dict().items())


@pytest.mark.parametrize("learn", [True, False])
def test_an_error_in_the_agents_keeps_its_own_type_and_traceback(learn):
    agents = pair()

    def broken(latent):
        raise ZeroDivisionError("deep inside")

    agents.decoder.forward = broken
    optimizer = torch.optim.Adam(agents.parameters())
    trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, optimizer=optimizer)
    with pytest.raises(ZeroDivisionError, match="deep inside") as caught:
        run(trial, batches("train"), batches("valid"), 1) if learn else evaluate(trial, batches("test"))
    assert "broken" in "".join(traceback.format_tb(caught.tb))


def test_nan_stops_the_run_and_keeps_the_last_good_snapshot(tmp_path):
    agents = pair()
    optimizer = torch.optim.Adam(agents.parameters(), lr=0.01)
    snapshots = new_snapshots(tmp_path, agents, interval=1)

    class Poison(Callback):
        def on_start_epoch(self, state):
            if state[torchbearer.EPOCH] == 2:
                with torch.no_grad():
                    agents.receiver.mlp[0].weight[0, 0] = math.nan

    log = RunLog(tmp_path / "log.csv")
    callbacks = [Poison(), EpochClock(batches("train"), agents), StopOnNaN(snapshots), log, snapshots]
    trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, optimizer=optimizer, callbacks=callbacks)
    with pytest.raises(RunError, match=r"NaN or infinite, in epoch 3, .*\n.*snapshot is .*model_") as told:
        run(trial, batches("train"), batches("valid"), 5)
    assert len(str(told.value).splitlines()) == 3
    assert not (tmp_path / "model_02.pt").exists()
    for name in ("model_00.pt", "model_01.pt", "model_best.pt"):
        saved = torch.load(tmp_path / name, weights_only=True)["model"]
        assert all(torch.isfinite(value).all() for value in saved.values())
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1"]


@pytest.mark.parametrize("learn", [True, False])
def test_weights_broken_by_the_last_step_are_found_in_the_held_out_games(tmp_path, learn):
    agents = pair()
    optimizer = torch.optim.Adam(agents.parameters(), lr=0.01)
    snapshots = new_snapshots(tmp_path, agents, interval=1)

    class Poison(Callback):
        def on_end_training(self, state):
            with torch.no_grad():
                agents.receiver.mlp[0].weight[0, 0] = math.nan

    if learn:
        callbacks = [StopOnNaN(snapshots), Poison(), snapshots]
        trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, optimizer=optimizer, callbacks=callbacks)
        with pytest.raises(RunError, match="NaN or infinite"):
            run(trial, batches("train"), batches("valid"), 2)
        assert list(tmp_path.iterdir()) == []
    else:
        Poison().on_end_training({})
        trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, callbacks=[StopOnNaN()])
        with pytest.raises(RunError, match="weights of these agents are probably broken"):
            evaluate(trial, batches("test"))


def test_log_columns_begin_as_the_official_ones(tmp_path):
    agents = pair()
    callbacks = [EpochClock(batches("train"), agents), RunLog(tmp_path / "log.csv")]
    optimizer = torch.optim.Adam(agents.parameters())
    trial = build_trial(agents, TotalLoss(HingeLoss()), CPU, optimizer=optimizer, callbacks=callbacks)
    history = run(trial, batches("train"), batches("valid"), 3)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0].startswith(
        "epoch,running_loss,running_commrate,lr,loss,commrate,commrate_std,val_loss,val_commrate,val_commrate_std,"
    )
    assert lines[0].endswith("commrate_std,sigma2")
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "2"]
    assert float(lines[3].split(",")[4]) == history[-1]["loss"]


def test_best_is_by_rate_then_by_loss(tmp_path):
    agents = pair()
    snapshots = new_snapshots(tmp_path, agents, interval=10)
    state = {torchbearer.OPTIMIZER: torch.optim.Adam(agents.parameters())}
    state |= {torchbearer.MAX_EPOCHS: 4, torchbearer.STOP_TRAINING: False}
    history = [(0.5, 1.0), (0.4, 0.1), (0.5, 0.9), (0.5, 0.95)]
    for epoch in range(4):
        rows = [{"val_commrate": rate, "val_loss": loss} for rate, loss in history[: epoch + 1]]
        snapshots.on_checkpoint(state | {torchbearer.EPOCH: epoch, torchbearer.HISTORY: rows})
    assert snapshots.best["epoch"] == 2
    assert torch.load(tmp_path / "model_best.pt", weights_only=True)["epoch"] == 2
    assert torch.load(tmp_path / "model_final.pt", weights_only=True)["epoch"] == 3


def test_batch_statistics_are_those_without_channel_noise():
    """With it, all strokes would be dropped, and every sketch would be blank."""
    config = configure("train", encoder="BetterCNNEncoder", nlines=3)
    torch.manual_seed(0)
    agents = build_agents(config.agents, Pictures({}, image_size=12, channels=1)).train()
    found = []
    for noise in (None, ChannelNoise(drop=1.0)):
        agents.channel_noise = noise
        RecalibrateBatchNorm(agents, batches("train")).on_end_training({})
        found.append([statistic.clone() for statistic in running_statistics(agents)])
        assert agents.channel_noise is noise
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
