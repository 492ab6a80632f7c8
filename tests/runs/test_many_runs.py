"""200 runs, two vlft at a time, started and ended in every way: nothing is left, lost or torn.

The trainer is a stand-in that takes the port, as torchrun's store does, and starts two workers,
each in a session of its own; tests/real_swift has a few runs of the real one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.standin_swift import standin_interpreter
from support.waiting import wait_for

from vlft.runs.record import read_run

pytestmark = pytest.mark.long
EACH = 100

# Both in one: what stands where torchrun would, and the trainer that it is given.
TORCHRUN = """
import json, os, signal, socket, sys, time
from pathlib import Path

words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
flags = dict(zip(sys.argv[6::2], sys.argv[7::2]))
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("", int(words["--master_port"])))
server.listen()
for rank in range(int(words["--nproc_per_node"])):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
run = Path(flags["--output_dir"]).parent
run.joinpath("trainer-is-here").touch()
while not run.joinpath("end").exists():
    time.sleep(0.01)
"""


def interpreter(folder: Path) -> str:
    python = standin_interpreter(folder)
    (site,) = folder.glob("lib/python3.*/site-packages")
    (site / "torch" / "distributed").mkdir(parents=True)
    for package in ("torch", "torch/distributed"):
        (site / package / "__init__.py").touch()
    (site / "torch" / "distributed" / "run.py").write_text(TORCHRUN)
    (site / "swift" / "cli" / "sft.py").touch()
    return python


class Driver(threading.Thread):
    """A user who starts and ends one run after the other."""

    def __init__(self, cwd: Path, config: Path, mark: str, name: str) -> None:
        super().__init__(name=name)
        self.cwd, self.config = cwd, config
        self.env = os.environ | {"VLFT_TEST_MARK": mark}
        self.ends: dict[str, str] = {}
        self.trouble: list[str] = []

    def run(self) -> None:
        ways = (self.terminate, self.interrupt, self.kill, self.stop, self.finish)
        try:
            for number in range(EACH):
                if self.trouble:
                    return
                self.one(f"{self.name}-{number}", ways[number % len(ways)])
        except BaseException as error:  # noqa: BLE001 - a thread's error is told by the test
            self.trouble.append(repr(error))

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "vlft", *map(str, words)]

    def one(self, run_id: str, end: Callable[[subprocess.Popen[bytes], Path], str]) -> None:
        folder = self.cwd / "output" / run_id
        vlft = subprocess.Popen(
            self.command("train", self.config, "--no-validate", "--run-id", run_id),
            cwd=self.cwd,
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        here = folder / "trainer-is-here"
        wait_for(lambda: here.exists() or vlft.poll() is not None, run_id)
        if vlft.poll() is not None:
            self.trouble.append(f"{run_id}: {vlft.communicate()[1].decode()}")
            return
        self.ends[run_id] = end(vlft, folder)
        vlft.communicate()

    def terminate(self, vlft: subprocess.Popen[bytes], _: Path) -> str:
        vlft.terminate()
        return "stopped"

    def interrupt(self, vlft: subprocess.Popen[bytes], _: Path) -> str:
        vlft.send_signal(signal.SIGINT)
        return "stopped"

    def kill(self, vlft: subprocess.Popen[bytes], folder: Path) -> str:
        vlft.kill()
        wait_for((folder / "outcome.json").exists, folder.name)
        return "killed"

    def stop(self, _: subprocess.Popen[bytes], folder: Path) -> str:
        words = self.command("runs", "stop", folder.name)
        subprocess.run(words, cwd=self.cwd, check=True, capture_output=True)
        return "stopped"

    def finish(self, _: subprocess.Popen[bytes], folder: Path) -> str:
        (folder / "end").touch()
        return "finished"


def test_200_runs_by_two_vlft_at_once(vlft: Any, write_config: Any, tmp_path: Path) -> None:
    python = interpreter(tmp_path / "env")
    config = write_config(f"launch: {{gpus: none, nproc_per_node: 2, python: {python}}}\n")
    mark = uuid.uuid4().hex
    drivers = [Driver(tmp_path, config, mark, name) for name in ("a", "b")]
    try:
        for driver in drivers:
            driver.start()
        for driver in drivers:
            driver.join()
        assert [driver.trouble for driver in drivers] == [[], []]
        wait_for(lambda: not marked(mark), "the end of all processes")
    finally:
        for process in marked(mark):
            process.kill()
    expected = drivers[0].ends | drivers[1].ends
    assert len(expected) == 2 * EACH
    listed = json.loads(vlft("runs", "list", "--format", "json").out)
    assert {row["id"]: row["status"] for row in listed} == expected
    for run_id in expected:
        run = read_run(tmp_path / "output" / run_id)
        assert run is not None
        assert run.record["id"] == run_id
        assert run.plan() is not None
        assert run.outcome["reason"]
        assert not [path for path in run.folder.iterdir() if path.name.startswith(".")]


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("VLFT_TEST_MARK") == mark:
                found.append(process)
    return found
