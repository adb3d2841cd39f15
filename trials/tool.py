"""Describes tools (the commands other than train, test and crossplay): their options, functions and help texts.

The `dest` of each of a tool's own options is the name of an argument of its function. Importing this module does not
import torch.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from learning_to_draw.components import flag_of, load
from learning_to_draw.console import import_torch
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import UsageError, program
from learning_to_draw.trials.config.all_options import NO_EFFECT_ON_AGENTS
from learning_to_draw.trials.config.configure import given_options
from learning_to_draw.trials.config.parse import Parser, add_option, add_options, read_early
from learning_to_draw.trials.config.run import KINDS, RunConfig

logger = logging.getLogger("commgame")

LOG_HELP = "folder of a game log (the gamelogs folder itself, or the run folder that holds it)"


@dataclass(frozen=True)
class Tool:
    """One entry of the table `commands.TOOLS`.

    target: "module:function", with the module relative to learning_to_draw; the function returns the text to print.
    summary: the tool's line in the list of commands. description: the text of its own help. takes_dataset: whether the
    tool has the options --dataset, --plugin and those of the chosen data set; its function then gets the data set as
    `dataset`. loads_torch: whether its module imports torch, which takes seconds.
    """

    target: str
    summary: str
    description: str
    add_options: Callable[[Any], None]
    takes_dataset: bool = False
    loads_torch: bool = True

    def run(self, command: str, arguments: Sequence[str]) -> str:
        """Runs `commgame.py COMMAND ARGUMENTS` and returns the text to print.

        Raises UsageError for arguments that are not valid, and SystemExit after --help.
        """
        values = vars(self._parser(command, arguments).parse_args(list(arguments)))
        if self.takes_dataset:
            del values["plugin"]  # already loaded
            dataset = KINDS["dataset"].choose(values["dataset"], values)
            values = {name: value for name, value in values.items() if name not in dataset.config.values()}
            values["dataset"] = dataset
        return self.load(command)(**values)

    def load(self, command: str) -> Callable[..., str]:
        """Imports and returns the tool's function. If `loads_torch`, first logs a line, on a terminal only."""
        if self.loads_torch:
            if sys.stderr.isatty():
                logger.info("%s: loading PyTorch ...", command)
            import_torch()
        return load(self.target)

    def _parser(self, command: str, arguments: Sequence[str]) -> Parser:
        parser = Parser(
            description=_wrapped(self.description.replace("python commgame.py", program())),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.command = command
        self.add_options(parser)
        words = [
            f"{action.metavar}" if action.nargs is None else f"{action.metavar} [{action.metavar} ...]"
            for action in parser._get_positional_actions()
        ]
        parser.usage = " ".join([program(), command, *words, "[options]"])
        if self.takes_dataset:
            _add_dataset_options(parser, arguments)
        for action in parser._actions:
            if action.required and action.option_strings:
                action.help = f"{action.help or ''} (must be given)"
            elif isinstance(action.default, (bool, int, float, str, Path)) and action.default is not argparse.SUPPRESS:
                default = "off" if action.default is False else str(action.default)
                action.help = (action.help or "") + f" (default: {default})".replace("%", "%%")
        return parser


class AgentsTool(Tool):
    """A tool that uses trained agents. In addition to its own options, it accepts those of `test`.

    Its own option or argument `weights` is a checkpoint, or the folder of a training. The tool's function does not get
    `weights`: it gets the argument `config`, a `TestConfig` with the agents' options.
    """

    def run(self, command: str, arguments: Sequence[str]) -> str:
        parser = self._parser(command, arguments)
        parser.allow_abbrev = False  # an abbreviation may belong to an option of the agents
        own, rest = parser.parse_known_args(list(arguments))
        positional = parser._get_positional_actions()[0]
        values = getattr(own, positional.dest)
        first = values[0] if isinstance(values, list) else values
        words = [Path(word) for word in arguments]
        # Otherwise a positional argument could also be read as the value of one of the agents' options.
        if rest and (not rest[0].startswith("-") or words.index(Path(rest[0])) < words.index(first)):
            raise UsageError(
                f"{rest[0]} is in the wrong place: {positional.metavar} comes first, then the options.\n"
                f"Write: {parser.usage}"
            )
        function = self.load(command)
        from learning_to_draw.trials.trained import parse_trained  # imports torch

        config = parse_trained("test", [*rest, f"--weights={own.weights}"], own.weights)
        given = given_options(config)
        if "output" in given:  # an abbreviation of --output, taken for an option of `test`
            raise UsageError("--output must not be abbreviated.\nWrite --output DIR.")
        if unused := [name for name in NO_EFFECT_ON_AGENTS if name in given]:
            raise UsageError(f"{flag_of(unused[0])} has no effect on {command}.\nLeave it out.")
        return function(config=config, **{name: value for name, value in vars(own).items() if name != "weights"})


def _wrapped(text: str) -> str:
    """The text wrapped to the terminal's width, at most to 100 columns. Indented lines stay as they are."""
    width = min(shutil.get_terminal_size().columns, 100) - 2  # as argparse does
    blocks = itertools.groupby(text.splitlines(), key=lambda line: line.startswith(" "))
    return "\n".join(
        "\n".join(lines) if indented else textwrap.fill(" ".join(lines), width) for indented, lines in blocks
    )


def _add_dataset_options(parser: Parser, arguments: Sequence[str]) -> None:
    add_option(parser, "dataset", replace(KINDS["dataset"].option, help="the data set of the games"))
    add_options(parser, RunConfig, "plugin")
    chosen = read_early(arguments).get("dataset", KINDS["dataset"].default)
    if chosen in DATASETS:  # otherwise the parser reports it
        add_options(parser.add_argument_group(f"dataset {chosen}"), DATASETS[chosen].config)


def add_log_argument(group: Any) -> None:
    """Declares the positional argument LOG of the tools that read one game log."""
    group.add_argument("log", type=Path, metavar="LOG", help=LOG_HELP)
