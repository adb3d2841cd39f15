"""Where this program speaks as it works: its loggers, and whether progress bars are shown."""

import logging

LOGGERS = ("commgame", "learning_to_draw.datasets")  # those that say what goes on; others only warn


def hidden() -> bool | None:
    """tqdm's `disable`: True where nothing is to be said, else None, which shows a bar on a terminal alone."""
    return None if logging.getLogger("commgame").isEnabledFor(logging.INFO) else True
