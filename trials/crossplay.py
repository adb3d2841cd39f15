"""`commgame.py crossplay`: every sender plays with every receiver, including those it was not trained with."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from learning_to_draw.errors import UsageError
from learning_to_draw.text_tables import aligned, as_csv
from learning_to_draw.trials.build import set_up
from learning_to_draw.trials.config.configure import PYTHON, as_command
from learning_to_draw.trials.config.run import CrossplayConfig
from learning_to_draw.trials.loop.launch import launched_world_size
from learning_to_draw.trials.loop.precision import compile_backbones, set_determinism, set_precision
from learning_to_draw.trials.loop.progress import set_verbosity
from learning_to_draw.trials.plan import describe
from learning_to_draw.trials.records.atomic import write_json, write_text
from learning_to_draw.trials.records.folder import choose_folder, open_folder
from learning_to_draw.trials.records.pictures import save_picture
from learning_to_draw.trials.records.result import options_entry
from learning_to_draw.trials.test import play_games
from learning_to_draw.trials.trained import (
    Trained,
    build_trained,
    check_common_game,
    checkpoint_of,
    load_other,
    load_trained,
    pair,
)
from learning_to_draw.trials.unseen import check_unseen

logger = logging.getLogger("commgame")

CELL, MARGIN, LONGEST_NAME = 72, 12, 24


def configure_crossplay(files: Sequence[Path | str], **options: Any) -> CrossplayConfig:
    """The configuration of `crossplay` with these checkpoints: the saved options of the first, overridden by `options`.

    Raises UsageError for options that are not valid.
    """
    config = load_trained("crossplay", checkpoint_of(Path(files[0])), options, PYTHON).config
    assert isinstance(config, CrossplayConfig)
    return config


def crossplay(
    files: Sequence[Path | str], config: CrossplayConfig, command: Sequence[str] | None = None
) -> dict | None:
    """Lets every sender of the checkpoints `files` play the test split with every receiver. Writes the matrix of rates.

    Returns the content of result.json, or None after a dry run. config: the saved options of the first file, overridden
    by the options that the user gave. These also override the saved options of the other files. command: the command
    line to record; None: it is made from the options of `config`. Raises UsageError, before writing anything, if an
    input is wrong or missing, and RunError if a loss or a score is not finite.
    """
    if launched_world_size() > 1:
        raise UsageError("crossplay does not support several processes (torchrun).\nStart one process.")
    trained = [load_other(config, Path(file)) for file in files]
    check_common_game(trained)
    set_verbosity(config.quiet and not config.dry_run)
    folder = choose_folder(config)
    setup = set_up(config, ("test",))
    config = setup.config
    check_unseen(config, setup.pictures.splits["test"], [run.checkpoint for run in trained])
    built = [build_trained(run, setup.pictures).to(setup.device) for run in trained]
    set_determinism(config.speed.deterministic)
    for agents in built:
        set_precision(config.speed.precision, agents)
        if config.speed.compile:
            compile_backbones(agents, setup.pictures.image_size)
    for run, community in zip(trained, built, strict=True):
        if community.senders != community.receivers:
            raise UsageError(
                f"{run.checkpoint.path} has {community.senders} sender(s) and {community.receivers} receiver(s), but "
                "crossplay needs as many receivers as senders.\nUse test: it lets all of them play with each other."
            )
    players = [(run, agents) for run, community in zip(trained, built, strict=True) for agents in community.pairs]
    if len(players) < 2:
        raise UsageError(
            "crossplay compares several pairs of agents, but the checkpoint has only one.\n"
            "Give two checkpoints or more, or one of a population."
        )
    matched = [[pair(*sender, *receiver) for receiver in players] for sender in players]
    logger.info("%s", describe(config, setup.pictures, setup.batches, built[0]))
    if config.dry_run:
        logger.info("A dry run ends here. The run would write to %s.", folder)
        return None

    words = as_command(config, map(str, files)) if command is None else command
    with open_folder(folder, config, words, str(setup.device)) as folder:
        began = time.perf_counter()
        batches, device = setup.batches["test"], setup.device
        outcomes = [[play_games(config, agents, batches, device)[0] for agents in row] for row in matched]
        names = [
            name if len(community.pairs) == 1 else f"{name} {number}"
            for name, community in zip(short_names([run.checkpoint.path for run in trained]), built, strict=True)
            for number in range(len(community.pairs))
        ]
        rates = [[played["communication_rate"] for played in row] for row in outcomes]
        table = matrix(names, rates)
        write_text(folder / "crossplay.csv", as_csv(table))
        save_picture(folder / "crossplay.png", draw_matrix(names, rates, outcomes[0][0]["chance"]))
        result = summarise([run for run, _ in players], names, outcomes) | {
            "seconds": round(time.perf_counter() - began, 2)
        }
        write_json(folder / "result.json", result)
    logger.info(
        "%s\nown partner %.4f, others' partners %.4f, chance %.4f\n"
        "per pair: %d turns with %d candidates\nwritten to %s",
        aligned(table),
        result["own_partner"],
        result["other_partners"],
        result["chance"],
        result["games"],
        result["candidates"],
        folder,
    )
    return result


def check_files(files: Sequence[Path]) -> None:
    """Raises UsageError if no checkpoint is given."""
    if not files:
        raise UsageError(
            "crossplay needs checkpoints.\nGive two or more checkpoints, or one of a population, before all options."
        )


def summarise(trained: Sequence[Trained], names: Sequence[str], outcomes: Sequence[Sequence[dict]]) -> dict:
    """The content of result.json, without the duration.

    It includes the matrix of rates, the matrix of their 95 % intervals, the mean rate of the senders with their own
    partners (sender k with receiver k), and the mean rate of all other pairs.
    """
    own = [outcomes[k][k]["communication_rate"] for k in range(len(names))]
    others = [played["communication_rate"] for k, row in enumerate(outcomes) for j, played in enumerate(row) if j != k]
    common = {key: outcomes[0][0][key] for key in ("chance", "games", "candidates", "split")}
    entries = [options_entry(run.config, run.checkpoint.options) for run in trained]
    return common | {
        "names": list(names),
        "weights": [str(run.checkpoint.path) for run in trained],
        "seed": [entry["seed"] for entry in entries],
        "options": [entry["options"] for entry in entries],
        "communication_rates": [[played["communication_rate"] for played in row] for row in outcomes],
        "intervals": [[played["interval"] for played in row] for row in outcomes],
        "own_partner": sum(own) / len(own),
        "other_partners": sum(others) / len(others),
    }


def short_names(paths: Sequence[Path]) -> list[str]:
    """Distinct short names for the checkpoints, in the order of `paths`.

    Uses the first of the forms FOLDER, FILE, PARENT/FOLDER and FOLDER/FILE that gives every checkpoint a different
    name. If none does, uses FOLDER/FILE with a number in front.
    """
    candidates = (
        [path.absolute().parent.name for path in paths],
        [path.stem for path in paths],
        ["/".join(path.absolute().parts[-3:-1]) for path in paths],  # of a sweep: ROW/seed-N
        [f"{path.absolute().parent.name}/{path.stem}" for path in paths],
    )
    for names in candidates:
        if len(set(names)) == len(names):
            return names
    return [f"{number} {name}" for number, name in enumerate(candidates[-1], start=1)]


def matrix(names: Sequence[str], rates: Sequence[Sequence[float]]) -> list[list[str]]:
    """The matrix of rates as a table, with one row per sender and one column per receiver, headings first."""
    rows = [[name, *(f"{rate:.4f}" for rate in row)] for name, row in zip(names, rates, strict=True)]
    return [["sender", *names], *rows]


def draw_matrix(names: Sequence[str], rates: Sequence[Sequence[float]], chance: float) -> Image.Image:
    """A heat map of the rates (0..1): one row per sender, one column per receiver.

    A cell is white if its rate is `chance` or below, and dark blue at rate 1.
    """
    font = ImageFont.load_default(14)
    labels = [name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}" for name in names]
    room = round(max(font.getlength(label) for label in [*labels, "sender \\ receiver"])) + 2 * MARGIN
    heading = 2 * MARGIN + 20
    sheet = Image.new(
        "RGB", (room + len(names) * max(CELL, room) + MARGIN, heading + len(names) * CELL + MARGIN), "white"
    )
    pen, width = ImageDraw.Draw(sheet), max(CELL, room)
    pen.text((MARGIN, heading / 2), "sender \\ receiver", fill="grey", font=font, anchor="lm")
    for k, label in enumerate(labels):
        pen.text((room + (k + 0.5) * width, heading / 2), label, fill="black", font=font, anchor="mm")
        pen.text((room - MARGIN, heading + (k + 0.5) * CELL), label, fill="black", font=font, anchor="rm")
        for j, rate in enumerate(rates[k]):
            above_chance = max(0.0, (rate - chance) / (1 - chance))
            left, top = room + j * width, heading + k * CELL
            colour = tuple(round(255 - above_chance * (255 - dark)) for dark in (8, 48, 107))
            pen.rectangle((left + 1, top + 1, left + width - 2, top + CELL - 2), fill=colour, outline="lightgrey")
            ink = "white" if above_chance > 0.5 else "black"
            pen.text((left + width / 2, top + CELL / 2), f"{100 * rate:.1f} %", fill=ink, font=font, anchor="mm")
    return sheet
