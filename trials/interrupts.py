"""Ctrl-C and SIGTERM in a training: put off until a batch is done and all of it can be saved."""

from __future__ import annotations

import signal
import threading
from typing import Any

from errors import Terminated


class Interrupts:
    """While it is entered, a first SIGINT or SIGTERM is only noted, in `noted`; a second one is obeyed at once.

    Outside a program's main thread, which alone gets signals, nothing is put off.
    """

    def __init__(self):
        self.noted: int | None = None
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
        self.noted = number
        self.__exit__()

    def obey(self) -> None:
        """Raises KeyboardInterrupt or Terminated for what was noted."""
        raise Terminated if self.noted == signal.SIGTERM else KeyboardInterrupt
