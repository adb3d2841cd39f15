"""The loggers for progress messages, and whether progress bars are shown."""

import logging

LOGGERS = ("commgame", "learning_to_draw.datasets")  # these report progress; all others only warn


def hidden() -> bool | None:
    """The value of tqdm's `disable`: True with --quiet, otherwise None, which shows bars on a terminal only."""
    return None if logging.getLogger("commgame").isEnabledFor(logging.INFO) else True
