"""Handles Ctrl-C and SIGTERM in a run. SIGHUP is turned into SIGTERM (console.py).

They stop a training after the current batch, and end a process that is waiting for other processes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from learning_to_draw import console
from learning_to_draw.errors import Terminated

# A second signal within this time counts as the first one: a cluster sends the signal to every process of a job, and
# torchrun forwards it to its processes once more.
SAME_SIGNAL = 1.0  # seconds
TO_LEAVE = 1.0  # seconds in which the main thread can obey a signal before another thread ends the process


class Interrupts:
    """Context in which the first SIGINT or SIGTERM is only recorded, in `noted`.

    A later signal takes effect at once if it comes more than SAME_SIGNAL seconds after the first, and is ignored if it
    comes sooner. Outside the main thread, the context does nothing, because only the main thread receives signals.
    """

    def __init__(self):
        self.noted: int | None = None
        self._when = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background jobs ignore SIGINT
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def note(self, number: int) -> None:
        """Records a signal that this process or another one has received."""
        if self.noted is None:
            self._when = time.monotonic()
        self.noted = number

    def _receive(self, number: int, _) -> None:
        if self.noted is None:
            self.note(number)
        elif time.monotonic() - self._when > SAME_SIGNAL:
            self.__exit__()
            os.kill(os.getpid(), number)

    def obey(self) -> None:
        """Raises Terminated if SIGTERM was recorded, otherwise KeyboardInterrupt."""
        raise Terminated if self.noted == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def obeyed_while_waiting() -> Iterator[None]:
    """Context in which a signal ends this process even while torch waits for other processes.

    Python runs signal handlers in the main thread, between Python instructions. While torch waits in that thread, no
    handler runs. Therefore another thread ends the process if the main thread has not left this context TO_LEAVE
    seconds after a signal. If `Interrupts` is active, this happens only after the second signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrivals, notices = os.pipe()
    os.set_blocking(notices, False)
    before, left = signal.set_wakeup_fd(notices, warn_on_full_buffer=False), threading.Event()
    thread = threading.Thread(target=_watch, args=(arrivals, left), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(before)
        os.close(notices)  # which ends the thread
        thread.join()
        os.close(arrivals)


def _watch(arrivals: int, left: threading.Event) -> None:
    deferred = None  # the time of the first signal that `Interrupts` defers
    while arrived := os.read(arrivals, 1):
        number = signal.SIGTERM if arrived[0] == console.HANG_UP else arrived[0]
        if number not in (signal.SIGINT, signal.SIGTERM):
            continue
        now = time.monotonic()
        defers = isinstance(getattr(signal.getsignal(number), "__self__", None), Interrupts)
        if defers and (deferred is None or now - deferred <= SAME_SIGNAL):
            deferred = deferred or now
        elif not left.wait(TO_LEAVE):
            console.say_stopped(number)
            sys.stdout.flush()
            os._exit(128 + number)
