"""Defers Ctrl-C and SIGTERM during training until a batch is done and the complete state can be saved."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from learning_to_draw.errors import Terminated

# A second signal within this time counts as the first one: a cluster signals every process of a job, and torchrun also
# forwards the signal that it gets itself.
SAME_SIGNAL = 1.0  # seconds


class Interrupts:
    """Context in which a first SIGINT or SIGTERM is only recorded, in `noted`; a second one takes effect at once.

    Does nothing outside the main thread, as only the main thread receives signals.
    """

    def __init__(self):
        self.noted: int | None = None
        self._when = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background jobs ignore SIGINT
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _) -> None:
        if self.noted is None:
            self.noted, self._when = number, time.monotonic()
        elif time.monotonic() - self._when > SAME_SIGNAL:
            self.__exit__()
            os.kill(os.getpid(), number)

    def obey(self) -> None:
        """Raises Terminated if SIGTERM was recorded, otherwise KeyboardInterrupt."""
        raise Terminated if self.noted == signal.SIGTERM else KeyboardInterrupt
