"""`commgame.py pack`: writes trained agents to a folder to share."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning_to_draw import __version__
from learning_to_draw.errors import UsageError, listed
from learning_to_draw.models.population import Community
from learning_to_draw.trials.config.all_options import format_option, of_agents_in_tests
from learning_to_draw.trials.config.configure import PYTHON, complete
from learning_to_draw.trials.config.run import RunConfig
from learning_to_draw.trials.pair import KINDS, pictures_trained_with
from learning_to_draw.trials.records.atomic import write_text
from learning_to_draw.trials.records.checkpoints import Checkpoint, load_checkpoint
from learning_to_draw.trials.records.folder import plain
from learning_to_draw.trials.records.output import check_new, whole_folder
from learning_to_draw.trials.records.packed import CARD, WEIGHTS, save_packed
from learning_to_draw.trials.records.read_run import RUN_FILES, Run, read_run, tests_beside
from learning_to_draw.trials.trained import Trained, build_trained, checkpoint_of, of_agents

logger = logging.getLogger("commgame")

# The model card leaves out tests with these options: they do not measure all packed agents with new pictures.
OTHER_TESTS = ("allow_trained", "swap_agents", "agent")


def pack(run: Path, output: Path) -> str:
    """Writes the agents of a training, or of a checkpoint, to the new folder `output`. Returns a message for the user.

    Raises UsageError, and leaves nothing behind, if the checkpoint cannot be read, needs a plugin or contains no
    options (it is then from the official code), if `output` exists, or if the package safetensors is missing.
    """
    check_new(output)
    path = checkpoint_of(run)
    if path.name == WEIGHTS:
        raise UsageError(f"{run} is already packed.\nGive the folder of a training, or a checkpoint.")
    checkpoint = load_checkpoint(path)
    if not checkpoint.options:
        raise UsageError(
            f"{path} was written by the official code and contains no options, which a packed folder needs.\n"
            "Give a checkpoint of this program."
        )
    if checkpoint.options.get("plugin") is not None:
        raise UsageError(
            f"{path} was trained with --plugin {checkpoint.options['plugin']}, but a packed folder contains no code.\n"
            "Share the run's folder instead: it has the checkpoint and a copy of the plugin."
        )
    config = complete("test", {"weights": str(path)}, PYTHON, of_agents(checkpoint.options), path.name)
    seen = pictures_trained_with(config.dataset, checkpoint)
    checkpoint = replace(checkpoint, image_size=seen.image_size, channels=seen.channels)  # if an old one lacks them
    agents = build_trained(Trained(config, checkpoint), seen)
    card = model_card(config, agents, checkpoint, list(dict.fromkeys(_results(checkpoint, config))))
    with whole_folder(output) as folder:
        save_packed(folder, checkpoint)
        write_text(folder / CARD, card)
    return f"{path} written to {output}, without paths and devices of this machine. Read {CARD} before you share it."


def _results(checkpoint: Checkpoint, config: RunConfig) -> Iterator[str]:
    """Yields the rows of the model card's table: the checkpoint's validation and its finished tests.

    Finds only tests whose folders are next to the checkpoint's folder. Logs a warning for each test of this file that
    it leaves out: after other epochs, of agents with other options, or with `OTHER_TESTS`. config: of a test without
    further options.
    """
    folder = checkpoint.path.parent
    if not any((folder / name).exists() for name in RUN_FILES):
        return
    run = read_run(folder)
    if run.result.get("epochs") == checkpoint.epoch + 1:
        yield _row("validation", run, run.result)
    elif (best := run.result.get("best")) and best["epoch"] == checkpoint.epoch:
        yield _row("validation", run, {"communication_rate": best["communication_rate"]})
    for test in map(read_run, tests_beside(run)):
        of_this = Path(str(test.options.get("weights"))).name == checkpoint.path.name
        if of_this and "communication_rate" in test.result:
            if why := _left_out(test, checkpoint, config):
                logger.warning("the test %s is left out of %s: %s", test.folder, CARD, why)
            else:
                yield _row("test", test, test.result)


def _left_out(test: Run, checkpoint: Checkpoint, config: RunConfig) -> str:
    """Returns why the model card leaves out a test; "" if it has the test."""
    epoch = test.result.get("epoch")
    if isinstance(epoch, int) and epoch != checkpoint.epoch:
        return f"it tested weights of epoch {epoch + 1}, and these are of epoch {checkpoint.epoch + 1}"
    packed, tested = plain(config.values()), test.options
    names = sorted({*OTHER_TESTS, *of_agents_in_tests()} & packed.keys() & tested.keys())
    changed = [format_option(name, tested[name]) for name in names if tested[name] != packed[name]]
    return f"it played with {listed(changed)}" if changed else ""


def _row(split: str, run: Run, result: Mapping[str, Any]) -> str:
    interval = " to ".join(f"{100 * bound:.1f} %" for bound in result.get("interval", ()))
    rate, games = f"{100 * result['communication_rate']:.1f} %", result.get("games", "")
    return f"| {split} | {run.game} | {run.dataset} | {run.candidates} | {games} | {rate} | {interval} |"


def model_card(config: RunConfig, agents: Community, checkpoint: Checkpoint, results: list[str]) -> str:
    """The text of the packed folder's README.md. results: rows of the table of communication rates."""
    decoder, receiver_encoder = agents.pairs[0].decoder, config.agents.receiver_encoder
    senders, receivers = config.agents.counts
    count = "a sender and a receiver" if senders == receivers == 1 else f"{senders} senders and {receivers} receivers"
    eyes = f"| receiver's encoder | {receiver_encoder.name} |\n" if receiver_encoder is not None else ""
    heading = "| pictures | game | data set | candidates | games | communication rate | 95 % interval |"
    table = "\n".join([heading, "|---|---|---|---|---|---|---|", *results]) if results else "Not recorded."
    return f"""\
---
library_name: learning-to-draw
tags:
- emergent-communication
- sketch
- drawing
---

# Agents that communicate by drawing: {config.dataset.name}, {config.game_title} game

The agents: {count}. A sender sees a photo and draws it with {decoder.strokes} strokes. A receiver sees the drawing and
guesses which of several photos was meant. They were trained together, to make the receiver's guess correct.

| | |
|---|---|
| game | {config.game_title} |
| data set | {config.dataset.name}, {decoder.image_size} x {decoder.image_size} pixels |
| encoder | {config.agents.encoder.name} |
{eyes}| decoder | {config.agents.decoder.name}, {decoder.strokes} strokes |
| drawings | {KINDS.get(decoder.channels, decoder.channels)} |
| epochs | {checkpoint.epoch + 1} |

All options are in config.json.

## Communication rate

The share of drawings for which the receiver chose the right photo.

{table}

## Load

With the program learning-to-draw, version {__version__} or later, and the package safetensors:

```python
import learning_to_draw

pair = learning_to_draw.load("FOLDER")  # this folder or, with the package huggingface_hub, hf:user/name
drawing = pair.draw("photo.png")
```

## Citation

```bibtex
@inproceedings{{mihai2021learning,
  title     = {{Learning to Draw: Emergent Communication through Sketching}},
  author    = {{Mihai, Daniela and Hare, Jonathon}},
  booktitle = {{Advances in Neural Information Processing Systems}},
  year      = {{2021}}
}}
```
"""
