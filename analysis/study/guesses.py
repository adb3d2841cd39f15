"""What the trained receiver guesses from people's drawings. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from learning_to_draw.analysis.measure.material import LogData, Settings
from learning_to_draw.analysis.measure.picture_arrays import read_pictures
from learning_to_draw.analysis.measure.replay import Replay, load_replay
from learning_to_draw.analysis.play.games import Pen
from learning_to_draw.analysis.study.answers import UNCHANGED, Participant
from learning_to_draw.analysis.study.drawings import Drawing, Source
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.records.gamelog import GameLog, LoggedStrokes
from learning_to_draw.trials.records.read_run import tested_epochs


def receiver_guesses(
    participants: Sequence[Participant[Drawing]],
    sources: Mapping[str | None, Source],
    trust: bool,
    plugin: Path | None,
) -> list[list[int]]:
    """Returns, for each participant, the candidate that the receiver guesses from each drawing.

    trust, plugin: the options --trust-weights and --plugin. Raises UsageError if weights cannot be read, if they
    are not the weights of the agents that played the log, or if a drawing has too many paths.
    """
    guesses = [[-1] * len(one.answers) for one in participants]
    for name, source in sources.items():
        places = [
            (person, number)
            for person, one in enumerate(participants)
            for number, drawing in enumerate(one.answers)
            if drawing.get("log") == name
        ]
        drawings = [participants[person].answers[number] for person, number in places]
        most = _most_strokes(source)
        for (person, _), drawing in zip(places, drawings, strict=True):
            if len(drawing["paths"]) > most:
                raise UsageError(
                    f"{participants[person].file}: the drawing of game {drawing['game']} has {len(drawing['paths'])} "
                    f"paths, but the page allows {most}.\n{UNCHANGED}"
                )
        if drawings:
            for (person, number), guess in zip(places, _guesses(source, drawings, trust, plugin), strict=True):
                guesses[person][number] = guess
    return guesses


def _most_strokes(source: Source) -> int:
    strokes = source.log.strokes()
    if strokes is None:
        raise UsageError(
            f"the log in {source.log.folder} has no strokes.npz.\nGive a complete copy of the log's folder."
        )
    return strokes.points.shape[1]


def _guesses(source: Source, drawings: Sequence[Drawing], trust: bool, plugin: Path | None) -> list[int]:
    """Returns the guess for each drawing in games of one log."""
    log = source.log
    replay = load_replay(source.weights, log, torch.device("cpu"), trust=trust, plugin=plugin)
    data = LogData(log, Settings(), replay)
    if differ := _other_epochs(log, replay) or data.differ():
        raise UsageError(
            f"the agents of --weights {source.weights} did not play the log in {log.folder}: they {differ}.\n"
            "Give the agents that played this log's games."
        )
    games = [log.games[drawing["game"]] for drawing in drawings]
    names = list(dict.fromkeys(name for game in games for name in game.candidates))
    rows = {name: row for row, name in enumerate(names)}
    offered = replay.offered(read_pictures([log.picture(name) for name in names]))
    pools = [[rows[name] for name in game.candidates] for game in games]
    return replay.guesses(_strokes(data.strokes, replay.agents.decoder, drawings), offered, pools).tolist()


def _other_epochs(log: GameLog, replay: Replay) -> str:
    """Returns in words that the agents have trained more or fewer epochs than those that played the log.

    Returns "" if they have not, or if it is not known.
    """
    epochs = tested_epochs(log.folder)
    swapped = log.card.get("receiver_weights") != log.card.get("weights")  # then these are the epochs of the sender
    if epochs in (None, replay.epochs) or swapped:
        return ""
    return f"are of epoch {replay.epochs}, and those that played it are of epoch {epochs}"


def _strokes(logged: LoggedStrokes, decoder, drawings: Sequence[Drawing]) -> LoggedStrokes:
    """Returns strokes that follow the drawings' paths: points [len(drawings), N, P, 2], with N and P as in `logged`."""
    _, most, control_points, _ = logged.points.shape
    sigma2 = logged.median_sigma2  # the width that the page shows, see `_pen` in page.py
    pen = Pen(most, control_points, decoder.channels, sigma2, torch.device("cpu"))
    fitted = [pen.strokes([np.array(path)[:, :2] for path in drawing["paths"]])[0] for drawing in drawings]
    ink = [strokes.intensities.numpy() for strokes in fitted if strokes.intensities is not None]
    return LoggedStrokes(np.concatenate([strokes.points.numpy() for strokes in fitted]), sigma2, np.concatenate(ink))
