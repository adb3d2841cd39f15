"""Whether progress bars are shown."""

import logging


def hidden() -> bool | None:
    """tqdm's `disable`: True where nothing is to be said, else None, which shows a bar on a terminal alone."""
    return None if logging.getLogger("commgame").isEnabledFor(logging.INFO) else True
