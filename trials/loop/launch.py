"""How the processes of one run find each other: torchrun's environment variables, and a shared key-value store."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from torch import distributed

from learning_to_draw.errors import RunError, UsageError, first_line

logger = logging.getLogger("commgame")

QUIET_SECONDS, SECONDS_BETWEEN_LINES = 5, 60  # before the first line about a wait, and between lines
TO_CONNECT = timedelta(seconds=10)  # once something listens at the address
SECONDS_BETWEEN_TRIES = 0.1


@dataclass(frozen=True)
class Launch:
    """This process's ranks in a run of several processes, and the place of the run's key-value store.

    address, port: where process 0 or torchrun serves the store.
    """

    rank: int
    local_rank: int
    world_size: int
    address: str
    port: int

    @property
    def place(self) -> str:
        return f"{self.address}:{self.port}"


def launched() -> Launch | None:
    """The launch that torchrun's environment variables describe.

    Returns None if neither WORLD_SIZE nor RANK is set, or if WORLD_SIZE is 1. Raises UsageError if a needed variable is
    missing, or if one is not valid, for example left over from an earlier job.
    """
    if "WORLD_SIZE" not in os.environ and "RANK" not in os.environ:
        return None
    world_size = _number("WORLD_SIZE", 1, None)
    if world_size == 1 and "RANK" not in os.environ:
        return None
    rank = _number("RANK", 0, world_size - 1)
    if world_size == 1:
        return None
    local_rank, port = _number("LOCAL_RANK", 0, rank), _number("MASTER_PORT", 1, 65535)
    if "LOCAL_WORLD_SIZE" in os.environ:
        _number("LOCAL_WORLD_SIZE", 1, world_size)
    if not (address := os.environ.get("MASTER_ADDR", "").strip()):
        raise _not_valid("MASTER_ADDR", "the name of a machine")
    return Launch(rank, local_rank, world_size, address, port)


def launched_world_size() -> int:
    """The number of processes that torchrun starts; 1 without torchrun. Needs no process group."""
    launch = launched()
    return 1 if launch is None else launch.world_size


def _number(name: str, low: int, high: int | None) -> int:
    text = os.environ.get(name, "").strip()
    wanted = f"{low}" if low == high else f"a number from {low}" + ("" if high is None else f" to {high}")
    if not (text.isascii() and text.isdecimal()) or int(text) < low or (high is not None and int(text) > high):
        raise _not_valid(name, wanted)
    return int(text)


def _not_valid(name: str, wanted: str) -> UsageError:
    value = os.environ.get(name)
    problem = "is not set" if value is None else "is empty" if not value.strip() else f"is {value!r}"
    cause = next(other for other in ("WORLD_SIZE", "RANK") if other in os.environ)
    cause_text = "" if cause == name else f"{cause} is {os.environ[cause]!r}, but "
    return UsageError(
        f"{cause_text}the environment variable {name} {problem}; it should be {wanted}.\n"
        "Start several processes with torchrun. For one process, unset WORLD_SIZE and RANK."
    )


def meet(launch: Launch, patience: timedelta) -> distributed.Store:
    """Returns the key-value store of a run's processes once all of them have joined.

    Logs what it waits for, after a few seconds and then once per minute. It waits in Python, because Ctrl-C raises no
    KeyboardInterrupt while torch waits. Raises UsageError if the address is taken or cannot be used, and RunError if
    processes are still missing after `patience`.
    """
    waiting = _Waiting(launch, patience)
    # torchrun serves the store itself, except with its static rendezvous.
    serves = launch.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    if not serves:
        waiting.until(lambda: _answers(launch), lambda: f"process 0 at {launch.place}")
    served = _serve_or_connect(launch, serves)
    served.set_timeout(patience)
    # A process that torchrun has restarted must not find the entries of the previous attempt.
    store = distributed.PrefixStore(f"learning-to-draw/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", served)
    store.set(f"joined/{launch.rank}", "")
    store.add("joined", 1)

    def missing() -> str:
        absent = [str(rank) for rank in range(launch.world_size) if not store.check([f"joined/{rank}"])]
        joined = launch.world_size - len(absent)
        ranks = f"process{'es' if len(absent) > 1 else ''} {', '.join(absent)}"
        return f"{ranks} to join at {launch.place}: {joined} of {launch.world_size} processes have joined"

    waiting.until(lambda: store.add("joined", 0) >= launch.world_size, missing)
    return store


def _serve_or_connect(launch: Launch, serves: bool) -> distributed.TCPStore:
    """The store at the run's address. serves: whether this process serves it.

    Raises UsageError if another program uses the port, or if no store answers there.
    """
    stores: list[distributed.TCPStore] = []
    problems: list[str] = []

    def connect() -> None:
        place = (launch.address, launch.port, launch.world_size)
        try:
            stores.append(distributed.TCPStore(*place, serves, TO_CONNECT, wait_for_workers=False))
        except distributed.DistError as error:
            problems.append(first_line(error))

    # In a thread: a program that is not a store may never answer, and torch would wait for its answer forever.
    thread = threading.Thread(target=connect, name="connecting", daemon=True)
    thread.start()
    thread.join(TO_CONNECT.total_seconds())
    if stores:
        return stores[0]
    problem = problems[0] if problems else f"no answer within {TO_CONNECT.total_seconds():.0f} seconds"
    advice = "Give torchrun another --master-port, or set another MASTER_PORT for all processes."
    if "EADDRINUSE" in problem:
        raise UsageError(f"port {launch.port} (MASTER_PORT) is in use by another program.\n{advice}")
    raise UsageError(
        f"{launch.place} is not the address of this run's process 0: {problem[:150]}.\n"
        f"Check MASTER_ADDR. If it is right, another program uses the port.\n{advice}"
    )


def _answers(launch: Launch) -> bool:
    try:
        socket.create_connection((launch.address, launch.port), timeout=2).close()
    except OSError:  # process 0 may start later, and its machine may not have a name yet
        return False
    return True


class _Waiting:
    """Waits for conditions, at most `patience` in all, and logs what it waits for."""

    def __init__(self, launch: Launch, patience: timedelta):
        self._launch, self._began, self._patience = launch, time.monotonic(), patience.total_seconds()
        self._next_line = self._began + QUIET_SECONDS

    def until(self, reached: Callable[[], bool], what: Callable[[], str]) -> None:
        """Returns once `reached()` is true. what: says what is missing. Raises RunError after `patience`."""
        while not reached():
            now = time.monotonic()
            if now - self._began > self._patience:
                raise RunError(f"waited {now - self._began:.0f} s for {what()}.\nStart all processes of the run.")
            if now > self._next_line:
                logger.warning("process %d is waiting for %s", self._launch.rank, what())
                self._next_line = now + SECONDS_BETWEEN_LINES
            time.sleep(SECONDS_BETWEEN_TRIES)
