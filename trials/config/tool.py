"""What a command of this folder is: a line in the program's help, its options, and the function that runs it. No torch.

An option's destination is the name of an argument of the function.
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


@dataclass(frozen=True)
class Tool:
    """One line of the table `analysis.TOOLS`.

    summary: for the list of all commands. description: for the tool's own help, what it does, reads and writes.
    takes_dataset: whether --dataset, which a --plugin may bring, and the options of the data set chosen are among its
    options; the function gets them as `dataset` (the name) and `dataset_options`. loads_torch: whether its module
    imports torch, which takes seconds.
    """

    module: str
    function: str
    summary: str
    description: str
    add_options: Callable[[Any], None]
    takes_dataset: bool = False
    loads_torch: bool = True

    def run(self, command: str, arguments: Sequence[str]) -> str:
        """Carries out `commgame.py COMMAND ARGUMENTS`; what is to be printed. Raises UsageError; --help leaves."""
        values = vars(self._parser(command, arguments).parse_args(list(arguments)))
        if self.takes_dataset:
            del values["plugin"]  # it is loaded already
            own = {action.dest for action in DATASETS[values["dataset"]].option_actions()}
            values["dataset_options"] = {name: values.pop(name) for name in own}
        return self.load(command)(**values)

    def load(self, command: str) -> Callable[..., str]:
        """The tool's function; imports its module. If that takes seconds, a line says so where somebody is waiting."""
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
            "--dataset", choices=DATASETS, default=DEFAULT_PARTS["dataset"], help="the pictures that were played with"
        )
    add_plugin_option(parser)
    chosen = scout.parse_known_args(list(arguments))[0].dataset
    DATASETS[chosen].add_options(parser.add_argument_group(f"dataset {chosen}"))
