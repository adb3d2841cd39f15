"""Ctrl-C and SIGTERM in a training: put off until a batch is done and all of it can be saved."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

from learning_to_draw.errors import Terminated

# Within this time a second signal counts as the first one: a cluster signals every process of a job, and torchrun then
# passes on to the processes what it got itself.
SAME_SIGNAL = 1.0  # seconds


class Interrupts:
    """While it is entered, a first SIGINT or SIGTERM is only noted, in `noted`; one that follows is obeyed at once.

    Outside a program's main thread, which alone gets signals, nothing is put off.
    """

    def __init__(self):
        self.noted: int | None = None
        self._when = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as of SIGINT in a shell's background
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
        """Raises KeyboardInterrupt or Terminated for what was noted."""
        raise Terminated if self.noted == signal.SIGTERM else KeyboardInterrupt
