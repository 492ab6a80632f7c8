"""However a run ends, no process of it is left."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable

# Every way in which a process slips out of a plain kill.
TREE = """
import os, signal, sys, time

def ready(name):
    with open(f"{name}.tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename(f"{name}.tmp", f"ready-{name}")

def stubborn():
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)

if os.fork() == 0:
    stubborn()
    ready("stubborn")
    time.sleep(3600)
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        ready("session")
        time.sleep(3600)
    ready("between")
    time.sleep(3600)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        stubborn()
        ready("daemon")
        time.sleep(3600)
    os._exit(0)
ready("trainer")
time.sleep(3600)
"""
SIZE = 5
NEVER_S = 100 * HANG_S


def start_tree(bench: Any, **options: Any) -> Any:
    launcher = bench.launch(sys.executable, "-S", bench.script(TREE), **options)
    bench.wait_ready(SIZE)
    assert len(bench.marked()) >= SIZE + 2
    return launcher


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_vlft_ends_all(bench: Any, name: str) -> None:
    launcher = start_tree(bench)
    launcher.send_signal(signal.Signals[name])
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert outcome["status"] == "stopped"
    assert outcome["reason"] == f"stopped by {name}"
    assert outcome["stopped_by"] == signal.Signals[name]
    assert outcome["signal"] == "SIGTERM"
    assert outcome == bench.outcome()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_before_the_supervisor_is_ready_stops_the_run(
    bench: Any, waiting: Callable[..., Any], name: str
) -> None:
    launcher = bench.launch("sleep", "3600")
    waiting(psutil.Process(launcher.pid).children)
    launcher.send_signal(signal.Signals[name])
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert (outcome["status"], outcome["reason"]) == ("stopped", f"stopped by {name}")
    assert outcome == bench.outcome()


def test_killing_vlft_ends_all(bench: Any, waiting: Callable[..., Any]) -> None:
    launcher = start_tree(bench)
    launcher.kill()
    launcher.wait()
    waiting(lambda: bench.marked() == [])
    outcome = bench.outcome()
    assert outcome["status"] == "killed"
    assert outcome["reason"] == "vlft was killed, so the trainer was ended"


def test_killing_the_supervisor_ends_all(bench: Any) -> None:
    launcher = start_tree(bench)
    os.kill(bench.process()["supervisor_pid"], signal.SIGKILL)
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert outcome["status"] == "killed"
    assert outcome["reason"] == "the supervisor was killed, so the trainer was ended"
    assert outcome == bench.outcome()


def test_killing_the_supervisor_then_stopping(bench: Any) -> None:
    launcher = start_tree(bench, grace_s=NEVER_S)
    os.kill(bench.process()["supervisor_pid"], signal.SIGKILL)
    launcher.send_signal(signal.SIGINT)
    launcher.send_signal(signal.SIGTERM)
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert outcome["status"] == "stopped"


def test_killing_the_trainer_ends_what_it_started(bench: Any) -> None:
    launcher = start_tree(bench)
    os.kill(bench.pid_of("trainer"), signal.SIGKILL)
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert (outcome["status"], outcome["signal"], outcome["exit_code"]) == (
        "failed",
        "SIGKILL",
        None,
    )
    assert outcome == bench.outcome()


def test_killing_vlft_and_the_supervisor_at_once(bench: Any, waiting: Callable[..., Any]) -> None:
    trainer = bench.script("import time; open('ready-one', 'w').close(); time.sleep(3600)")
    launcher = bench.launch(sys.executable, trainer)
    bench.wait_ready(1)
    supervisor = bench.process()["supervisor_pid"]
    for signum in (signal.SIGSTOP, signal.SIGKILL):  # stopped, neither can act on the other's end
        launcher.send_signal(signum)
        os.kill(supervisor, signum)
    launcher.wait()
    waiting(lambda: bench.marked() == [])


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervisor_stops_the_run(bench: Any, signum: signal.Signals) -> None:
    launcher = start_tree(bench)
    os.kill(bench.process()["supervisor_pid"], signum)
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert (outcome["status"], outcome["stopped_by"]) == ("stopped", signum)


def test_a_second_signal_ends_the_grace(bench: Any, waiting: Callable[..., Any]) -> None:
    launcher = start_tree(bench, grace_s=NEVER_S)
    launcher.send_signal(signal.SIGINT)
    waiting(lambda: len(bench.marked()) <= 4)  # the polite ones have gone
    assert bench.pid_of("stubborn") in {process.pid for process in bench.marked()}
    launcher.send_signal(signal.SIGINT)
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert (outcome["status"], outcome["stopped_by"]) == ("stopped", signal.SIGINT)


FORK_LOOP = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready-loop", "w").close()
for _ in range(3000):
    if os.fork() == 0:
        os.setsid()
        time.sleep(3600)
        os._exit(0)
    time.sleep(0.005)
"""

# Each process lives for an instant: by the time that it is seen in a list it has gone.
FORK_CHAIN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready-chain", "w").close()
while True:
    if os.fork():
        os._exit(0)
"""


@pytest.mark.parametrize("script", [FORK_LOOP, FORK_CHAIN], ids=["loop", "chain"])
def test_processes_that_multiply_while_they_are_ended(bench: Any, script: str) -> None:
    launcher = bench.launch(sys.executable, "-S", bench.script(script), grace_s=0.1)
    bench.wait_ready(1)
    launcher.send_signal(signal.SIGTERM)
    bench.end(launcher)
    assert bench.marked() == []


def test_what_a_finished_trainer_left_behind_is_ended(bench: Any) -> None:
    leave = TREE.replace('ready("trainer")\ntime.sleep(3600)', "sys.exit(0)")
    outcome = bench.end(bench.launch(sys.executable, "-S", bench.script(leave)))
    assert bench.marked() == []
    assert (outcome["status"], outcome["exit_code"]) == ("finished", 0)


def test_an_ignored_hangup_is_respected(bench: Any, waiting: Callable[..., Any]) -> None:
    trainer = bench.script(
        "import os, time\n"
        "open('ready-one', 'w').close()\n"
        "while not os.path.exists('go'): time.sleep(0.01)\n"
    )
    launcher = bench.launch(
        sys.executable, trainer, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    bench.wait_ready(1)
    launcher.send_signal(signal.SIGHUP)
    os.kill(bench.process()["supervisor_pid"], signal.SIGHUP)
    (bench.folder / "go").touch()
    outcome = bench.end(launcher)
    assert (outcome["status"], outcome["stopped_by"]) == ("finished", None)


def test_a_ctrl_c_reaches_vlft_alone(bench: Any) -> None:
    trainer = bench.script(
        "import os, signal, sys, time\n"
        "def heard(signum, frame):\n"
        "    print(signal.Signals(signum).name, flush=True)\n"
        "    if signum == signal.SIGTERM: sys.exit(0)\n"
        "signal.signal(signal.SIGINT, heard)\n"
        "signal.signal(signal.SIGTERM, heard)\n"
        "open('ready-one', 'w').close()\n"
        "while True: time.sleep(1)\n"
    )
    launcher = bench.launch(sys.executable, trainer)
    bench.wait_ready(1)
    os.killpg(launcher.pid, signal.SIGINT)
    outcome = bench.end(launcher)
    assert (outcome["status"], outcome["exit_code"]) == ("stopped", 0)
    assert (bench.run_dir / "stdout.log").read_text() == "SIGTERM\n"
