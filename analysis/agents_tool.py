"""A command of `commgame.py` that uses trained agents, such as `draw` and `play`. Does not import torch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from learning_to_draw.errors import UsageError
from learning_to_draw.trials.config.configure import given_options
from learning_to_draw.trials.config.tool import Tool


class AgentsTool(Tool):
    """A tool that uses trained agents. Besides its own options, it accepts those of `test` that describe the agents.

    Its own option or argument `weights` is a checkpoint, or the folder of a training. The tool's function receives the
    agents' options as a `TestConfig`, its argument `config`, instead of `weights`.
    """

    def run(self, command: str, arguments: Sequence[str]) -> str:
        parser = self._parser(command, arguments)
        parser.allow_abbrev = False  # an abbreviation may belong to an option of the agents
        own, rest = parser.parse_known_args(list(arguments))
        self.check(arguments, own, rest)
        function = self.load(command)
        from learning_to_draw.trials.trained import parse_trained  # imports torch

        config = parse_trained("test", [*rest, f"--weights={own.weights}"], own.weights)
        if "output" in given_options(config):  # an abbreviation of --output, taken for an option of `test`
            raise UsageError("the output folder must be given as --output in full.\nWrite --output DIR.")
        return function(config=config, **{name: value for name, value in vars(own).items() if name != "weights"})

    def check(self, arguments: Sequence[str], own: argparse.Namespace, rest: Sequence[str]) -> None:
        """Raises UsageError if the arguments are not valid. own: parsed. rest: those of the agents."""
