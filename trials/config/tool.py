"""A command other than train, test and crossplay: its line in the help, its options, its function. No torch here.

The destination of each option is the name of an argument of the function.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning_to_draw.components import add_plugin_option
from learning_to_draw.datasets import DATASETS
from learning_to_draw.errors import program
from learning_to_draw.trials.config.resolve import Parser
from learning_to_draw.trials.config.tables import DEFAULT_PARTS

logger = logging.getLogger("commgame")

LOG_HELP = "folder of a game log (the gamelogs folder itself, or the run folder that holds it)"


@dataclass(frozen=True)
class Tool:
    """One entry of the table `commands.TOOLS`.

    summary: for the list of all commands. description: for the tool's own help: what it does, reads and writes.
    takes_dataset: whether it has the options --dataset and --plugin and those of the chosen data set; the function gets
    `dataset` (the name) and `dataset_options`. loads_torch: whether its module imports torch, which takes seconds.
    """

    module: str
    function: str
    summary: str
    description: str
    add_options: Callable[[Any], None]
    takes_dataset: bool = False
    loads_torch: bool = True

    def run(self, command: str, arguments: Sequence[str]) -> str:
        """Runs `commgame.py COMMAND ARGUMENTS` and returns the text to print. Raises UsageError; --help exits."""
        values = vars(self._parser(command, arguments).parse_args(list(arguments)))
        if self.takes_dataset:
            del values["plugin"]  # already loaded
            own = {action.dest for action in DATASETS[values["dataset"]].option_actions()}
            values["dataset_options"] = {name: values.pop(name) for name in own}
        return self.load(command)(**values)

    def load(self, command: str) -> Callable[..., str]:
        """The tool's function; imports its module. On a terminal it logs a line first if that takes seconds."""
        if self.loads_torch and sys.stderr.isatty():
            logger.info("%s: loading PyTorch ...", command)
        return getattr(importlib.import_module(f"learning_to_draw.{self.module}"), self.function)

    def _parser(self, command: str, arguments: Sequence[str]) -> Parser:
        parser = Parser(
            description=self.description.replace("python commgame.py", program()),
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
            _add_dataset_options(parser, command, arguments)
        for action in parser._actions:
            if action.required and action.option_strings:
                action.help = f"{action.help or ''} (must be given)"
            elif isinstance(action.default, (bool, int, float, str, Path)) and action.default is not argparse.SUPPRESS:
                default = "off" if action.default is False else str(action.default)
                action.help = (action.help or "") + f" (default: {default})".replace("%", "%%")
        return parser


def _add_dataset_options(parser: Parser, command: str, arguments: Sequence[str]) -> None:
    scout = Parser(add_help=False, allow_abbrev=False)
    scout.command = command
    for chooser in (scout, parser):
        chooser.add_argument(
            "--dataset", choices=DATASETS, default=DEFAULT_PARTS["dataset"], help="the data set that was played with"
        )
    add_plugin_option(parser)
    chosen = scout.parse_known_args(list(arguments))[0].dataset
    DATASETS[chosen].add_options(parser.add_argument_group(f"dataset {chosen}"))


def add_log_argument(group: Any) -> None:
    """The positional argument LOG of the tools that read one game log."""
    group.add_argument("log", type=Path, metavar="LOG", help=LOG_HELP)
