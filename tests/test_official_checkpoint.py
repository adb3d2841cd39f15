"""Agents with an official checkpoint's weights give the scores, sketches and losses that the official code gave.

Runs where OFFICIAL_CHECKPOINT names a folder with model_final.pt and eval_{original,same,different}.npz, written by the
official code (SimpleMLPEncoder twice, latent 32, 8 lines, sigma2 1e-2, 28 px).
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from learning_to_draw.games.losses.terms import HingeLoss
from learning_to_draw.games.scores import correct_guesses
from learning_to_draw.models.agents import Agents
from learning_to_draw.models.config import ReceiverConfig
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.models.encoders.config import SimpleMLPConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.models.receivers import SimpleReceiverMLP
from learning_to_draw.trials.records.checkpoints import load_agents, load_checkpoint

FOLDER = os.environ.get("OFFICIAL_CHECKPOINT")
pytestmark = pytest.mark.skipif(not FOLDER, reason="OFFICIAL_CHECKPOINT names no folder")


@pytest.fixture(scope="module", params=["model_final.pt", "model_59.pt"])
def agents(request):

    def encoder():
        return SimpleMLPEncoder(SimpleMLPConfig(latent_size=32, encoder_hidden=64), image_size=28, channels=1)

    decoder = SinglePassSimpleLineDecoder(LineConfig(nlines=8, sigma2=1e-2), latent_size=32, image_size=28)
    agents = Agents(encoder(), encoder(), decoder, SimpleReceiverMLP(ReceiverConfig(), latent_size=32))
    load_agents(agents, load_checkpoint(Path(FOLDER, request.param)))
    return agents.eval()


@torch.no_grad()
@pytest.mark.parametrize("game", ["original", "same", "different"])
def test_scores_sketches_and_losses(agents, game):
    recorded = np.load(Path(FOLDER, f"eval_{game}.npz"))
    metrics = json.loads(str(recorded["metrics"]))
    losses, right = [], []
    for batch in range(sum(name.endswith("/scores") for name in recorded)):
        senders, receivers, targets, scores, sketches, loss = (
            torch.from_numpy(recorded[f"b{batch}/{name}"])
            for name in ("sender", "receiver", "target", "scores", "sketches", "loss")
        )
        candidates = scores.shape[1]
        pools = (len(senders) + torch.arange(len(receivers))).view(-1, candidates)
        play = agents(torch.cat([senders, receivers]), pools, len(senders))
        # The official targets count through the whole batch, ours from the start of their game.
        local = targets - torch.arange(len(senders)) // candidates * candidates
        assert (play.scores - scores).abs().max() < 1e-4
        assert (play.sketches - sketches).abs().max() < 1e-5
        losses.append(HingeLoss()(play.scores, local).item())
        assert losses[-1] == pytest.approx(loss.item(), abs=1e-6)
        right.append(correct_guesses(play.scores, local).float())
    assert torch.cat(right).mean().item() == pytest.approx(metrics["test_commrate"], abs=1e-6)
    assert sum(losses) / len(losses) == pytest.approx(metrics["test_loss"], abs=1e-6)
