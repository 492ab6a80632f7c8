"""The real torchrun, which gives each worker a session of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.swift

WORKER = """
import os, time
open(f"ready-{os.environ['RANK']}", "w").write(str(os.getpid()))
time.sleep(3600)
"""

FAILING_WORKER = """
import os, time

def split(rows, ranks):
    try:
        return {}[rows]
    except KeyError as error:
        raise ValueError(f"{rows} rows can't be split over {ranks} ranks") from error

if os.environ["RANK"] == "1":
    split(3, 2)
time.sleep(3600)
"""


def launch(bench: Any, worker: str) -> Any:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return bench.launch(
        sys.executable,
        *("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)),
        bench.script(worker),
        grace_s=5,
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_stopping_vlft_ends_the_workers(bench: Any, waiting: Callable[..., Any], name: str) -> None:
    launcher = launch(bench, WORKER)
    waiting(lambda: len(bench.names()) == 2)
    launcher.send_signal(signal.Signals[name])
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert (outcome["status"], outcome["reason"]) == ("stopped", f"stopped by {name}")


def test_killing_vlft_ends_the_workers(bench: Any, waiting: Callable[..., Any]) -> None:
    launcher = launch(bench, WORKER)
    waiting(lambda: len(bench.names()) == 2)
    launcher.kill()
    waiting(lambda: bench.marked() == [])
    assert bench.outcome()["status"] == "killed"


def test_killing_torchrun_ends_the_workers(bench: Any, waiting: Callable[..., Any]) -> None:
    launcher = launch(bench, WORKER)
    waiting(lambda: len(bench.names()) == 2)
    os.kill(bench.process()["pid"], signal.SIGKILL)
    outcome = bench.end(launcher)
    assert bench.marked() == []
    assert (outcome["status"], outcome["signal"]) == ("failed", "SIGKILL")


def test_the_error_of_a_rank_is_told(bench: Any) -> None:
    outcome = bench.end(launch(bench, FAILING_WORKER))
    assert (outcome["status"], outcome["exit_code"]) == ("failed", 1)
    assert outcome["error"] == "ValueError: 3 rows can't be split over 2 ranks"
