"""`commgame.py play`: serves the page on which a person plays with a trained pair."""

from __future__ import annotations

import logging
import time
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

from learning_to_draw.analysis.play.games import DRAW, GUESS, Games, PlayLog
from learning_to_draw.analysis.play.server import serve
from learning_to_draw.errors import UsageError
from learning_to_draw.trials.build import set_up
from learning_to_draw.trials.config.configure import given_options, replaced
from learning_to_draw.trials.config.run import TestConfig
from learning_to_draw.trials.loop.precision import set_precision
from learning_to_draw.trials.records.output import check_new
from learning_to_draw.trials.test import card_of
from learning_to_draw.trials.trained import build_trained_pair, load_trained
from learning_to_draw.trials.unseen import check_unseen

logger = logging.getLogger("commgame")


def play(config: TestConfig, most_candidates: int, output: Path | None, port: int, seed: int, no_browser: bool) -> str:
    """Serves the page until Ctrl-C, and writes the log of the finished games. Returns a message for the user.

    config: the configuration of a test; the person plays with its agents. Raises UsageError if `load_games` does, if
    `most_candidates` is below 2, if the port is taken, if a package is missing, or if `output` exists. Nothing is
    written in these cases.
    """
    if most_candidates < 2:
        raise UsageError(f"--most-candidates {most_candidates}: a game needs 2 candidates or more.\nGive 2 or more.")
    started = time.strftime("%Y-%m-%d_%H-%M-%S")
    folder = Path("runs", f"{started}_play_{config.dataset.name}") if output is None else output
    if output is not None:
        check_new(folder)
    games, card = load_games(config, most_candidates, seed)
    if config.dry_run:
        return f"A dry run ends here. The games would be written to {folder}."
    log = PlayLog(folder, games.batches, seed, card, started)

    def opened(address: str) -> None:
        logger.info("play at %s (this machine only). Ctrl-C ends the program and saves the games.", address)
        if not no_browser:
            webbrowser.open(address)

    with suppress(KeyboardInterrupt):
        try:
            serve(games, log, port, opened)
        finally:
            log.finish()
    return _summary(log)


def load_games(config: TestConfig, most_candidates: int, seed: int) -> tuple[Games, dict[str, Any]]:
    """Returns (the test games of trained agents, the content of their log's card.json without the results).

    config: of a test of these agents; without --agent, agent 0 of a population plays. Raises UsageError if the
    checkpoint or the pictures cannot be read, or, without --allow-trained, if the agents were trained on these
    pictures.
    """
    if config.agent is None and max(config.agents.counts) > 1:
        config = replaced(config, "default", agent="0")
    trained = load_trained("test", Path(config.weights), given_options(config))
    setup = set_up(config, ("test",))
    check_unseen(config, setup.pictures.splits["test"], [trained.checkpoint])
    agents = build_trained_pair(trained, setup.pictures).to(setup.device).eval()
    set_precision(config.speed.precision, agents)
    games = Games(agents, setup.batches["test"], most_candidates, seed)
    card = card_of(setup.config, trained, None, agents, games.batches)
    return games, card | {"candidates": games.candidates, "chance": 1 / games.candidates}


def _summary(log: PlayLog) -> str:
    if not any(log.games.values()):
        return "No game was finished, so nothing was written."
    lines = []
    for role, told in ((DRAW, "you drew, and the agents guessed"), (GUESS, "the agents drew, and you guessed")):
        if log.games[role]:
            lines.append(f"{told}: {log.right[role]} of {log.games[role]} right")
    return "\n".join([*lines, f"written to {log.folder}"])
