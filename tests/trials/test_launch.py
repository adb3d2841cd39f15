"""How processes find each other, with real stores and sockets on this machine, and how their waiting ends."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from learning_to_draw.errors import RunError, UsageError
from learning_to_draw.trials.loop import launch
from learning_to_draw.trials.loop.interrupts import SAME_SIGNAL, Interrupts
from learning_to_draw.trials.loop.launch import Launch, launched, launched_world_size, meet

ROOT = Path(__file__).parents[2]
VALID = {"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "MASTER_ADDR": "node-7", "MASTER_PORT": "29400"}


@pytest.fixture
def variables(monkeypatch):
    """variables(...) sets torchrun's environment variables to these values only."""

    def set_only(values):
        for name in (*VALID, "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_only


def test_the_variables_of_torchrun_are_read(variables):
    variables(VALID)
    assert launched() == Launch(3, 1, 8, "node-7", 29400)
    assert launched_world_size() == 8


@pytest.mark.parametrize(
    "values",
    [{}, {"WORLD_SIZE": "1"}, {"WORLD_SIZE": "1", "RANK": "0"}, {"MASTER_ADDR": "node-7", "LOCAL_RANK": "5"}],
)
def test_one_process_needs_no_variables(values, variables):
    variables(values)
    assert launched() is None
    assert launched_world_size() == 1


MISTAKES = {  # what differs from VALID (None: not set), and the message
    "no rank": ({"RANK": None}, "WORLD_SIZE is '8', but the environment variable RANK is not set"),
    "empty rank": ({"RANK": ""}, "RANK is empty; it should be a number from 0 to 7"),
    "rank of another job": ({"RANK": "8"}, "RANK is '8'; it should be a number from 0 to 7"),
    "negative rank": ({"RANK": "-1"}, "RANK is '-1'"),
    "no world": ({"WORLD_SIZE": None}, "RANK is '3', but the environment variable WORLD_SIZE is not set"),
    "empty world": ({"WORLD_SIZE": " "}, "variable WORLD_SIZE is empty; it should be a number from 1"),
    "world in words": ({"WORLD_SIZE": "8x"}, "WORLD_SIZE is '8x'"),
    "world of other digits": ({"WORLD_SIZE": "\u0668"}, "WORLD_SIZE is '\u0668'"),
    "no world at all": ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
    "no local rank": ({"LOCAL_RANK": None}, "LOCAL_RANK is not set; it should be a number from 0 to 3"),
    "local rank above rank": ({"LOCAL_RANK": "4"}, "LOCAL_RANK is '4'"),
    "empty local world": ({"LOCAL_WORLD_SIZE": ""}, "LOCAL_WORLD_SIZE is empty"),
    "no address": ({"MASTER_ADDR": None}, "MASTER_ADDR is not set; it should be the name of a machine"),
    "empty address": ({"MASTER_ADDR": ""}, "MASTER_ADDR is empty"),
    "no port": ({"MASTER_PORT": None}, "MASTER_PORT is not set"),
    "port of no number": ({"MASTER_PORT": "tcp"}, "MASTER_PORT is 'tcp'"),
    "port too large": ({"MASTER_PORT": "65536"}, "MASTER_PORT is '65536'; it should be a number from 1 to 65535"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_variable_that_is_not_valid_is_a_mistake_of_the_user(mistake, variables):
    changed, told = MISTAKES[mistake]
    variables({name: value for name, value in (VALID | changed).items() if value is not None})
    with pytest.raises(UsageError) as raised:
        launched()
    assert told in str(raised.value)
    assert str(raised.value).endswith(
        "Start several processes with torchrun. For one process, unset WORLD_SIZE and RANK."
    )


def test_only_commands_that_use_processes_look_at_the_variables(tmp_path):
    environment = os.environ | {"WORLD_SIZE": "", "RANK": "first"}
    for arguments, code in (
        (["train", "--help"], 0),
        (["list"], 0),
        (["train", "--quiet", "--output", tmp_path / "run"], 2),
    ):
        command = [sys.executable, ROOT / "commgame.py", *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: the environment variable WORLD_SIZE is empty")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_processes_say_what_they_wait_for_and_meet(port, caplog, monkeypatch):
    """The last process starts first, and the first one second."""
    monkeypatch.setattr(launch, "QUIET_SECONDS", 0.2)
    met, threads = [], {}
    for rank, told in (
        (2, f"process 2 is waiting for process 0 at 127.0.0.1:{port}"),
        (0, f"process 0 is waiting for process 1 to join at 127.0.0.1:{port}: 2 of 3 processes have joined"),
        (1, None),
    ):
        place = Launch(rank, rank, 3, "127.0.0.1", port)
        threads[rank] = threading.Thread(target=lambda place=place: met.append(meet(place, timedelta(seconds=30))))
        threads[rank].start()
        deadline = time.monotonic() + 20
        while told is not None and told not in caplog.messages and time.monotonic() < deadline:
            time.sleep(0.02)
        assert told is None or told in caplog.messages
        assert told is None or met == []
    for thread in threads.values():
        thread.join(20)
    assert len(met) == 3
    met[0].set("word", "said")
    assert met[1].get("word") == b"said"


def test_a_process_that_stays_alone_gives_up_in_the_end(port, caplog):
    caplog.set_level(logging.WARNING)
    with pytest.raises(RunError, match=r"waited 0 s for processes 1, 2 to join at .*: 1 of 3 processes have joined"):
        meet(Launch(0, 0, 3, "localhost", port), timedelta(seconds=0.3))
    assert caplog.messages == []  # less than a few seconds


def test_a_port_that_another_program_has_is_said(monkeypatch):
    monkeypatch.setattr(launch, "TO_CONNECT", timedelta(seconds=0.5))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"^port {port} \(MASTER_PORT\) is in use .*\nGive torchrun another"):
            meet(Launch(0, 0, 2, "127.0.0.1", port), timedelta(seconds=5))
        with pytest.raises(UsageError, match=rf":{port} is not the address of this run's process 0: no answer"):
            meet(Launch(1, 1, 2, "127.0.0.1", port), timedelta(seconds=5))


# Process 0 of two, within torch: it waits for an entry that never comes, as it would for a slow process.
BLOCKED = """
import sys
from contextlib import nullcontext
from datetime import timedelta
from learning_to_draw import console
from learning_to_draw.trials.loop.interrupts import Interrupts, obeyed_while_waiting
from learning_to_draw.trials.loop.launch import Launch, meet

def wait():
    with obeyed_while_waiting(), Interrupts() if sys.argv[1] == "deferred" else nullcontext():
        store = meet(Launch(0, 0, 1, "127.0.0.1", int(sys.argv[2])), timedelta(minutes=5))
        print("waiting", flush=True)
        store.wait(["never"])

sys.exit(console.exit_code(wait))
"""


def _default_signals():
    """A shell's background jobs ignore SIGINT, and a program that nohup starts ignores SIGHUP."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("kind", "number", "signals"),
    [
        ("plain", signal.SIGTERM, 1),
        ("plain", signal.SIGINT, 1),
        ("plain", signal.SIGHUP, 1),
        ("deferred", signal.SIGTERM, 2),
        ("deferred", signal.SIGHUP, 2),
    ],
)
def test_a_signal_is_obeyed_while_torch_waits_for_another_process(kind, number, signals, port):
    process = subprocess.Popen(
        [sys.executable, "-c", BLOCKED, kind, str(port)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_default_signals,
    )
    assert process.stdout.readline() == "waiting\n"
    for _ in range(signals - 1):  # deferred: the batch may still be finished
        process.send_signal(number)
        time.sleep(1.5)
        assert process.poll() is None
    process.send_signal(number)
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if number == signal.SIGINT else 143)
    assert time.monotonic() - began < 5
    assert err.strip().startswith("interrupted;" if number == signal.SIGINT else "terminated;")
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_training_that_waits_for_a_process_that_never_comes_can_be_stopped(rank, number, port, tmp_path):
    together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, ROOT / "commgame.py", "train", "--quiet", "--output", tmp_path / "run"],
        env=os.environ | together | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    line = process.stdout.readline()
    awaited = f"process {1 - rank}" + (" to join" if rank == 0 else "")
    assert line.startswith(f"process {rank} is waiting for {awaited} at 127.0.0.1:{port}")
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()


def test_a_process_that_gets_the_signal_after_another_one_takes_it_for_the_same(monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda process, number: killed.append(number))
    interrupts = Interrupts()
    interrupts.note(signal.SIGTERM)  # another process got it first
    interrupts._receive(signal.SIGTERM, None)
    assert (killed, interrupts.noted) == ([], signal.SIGTERM)
    interrupts._when -= 2 * SAME_SIGNAL
    interrupts._receive(signal.SIGTERM, None)
    assert killed == [signal.SIGTERM]
