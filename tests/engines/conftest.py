"""Real process trees: a launcher in a process of its own, and the search for what it left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support.waiting import HANG_S, wait_for

import vlft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAUNCHER = """
import json, sys
from pathlib import Path
from vlft.engines.local.run import run
from vlft.engines.process import Process

job = json.loads(sys.argv[1])
process = Process(tuple(job["argv"]), job["env"], job["cwd"])
outcome = run(process, Path(job["run_dir"]), grace_s=job["grace_s"], poll_interval_s=0.05)
print(json.dumps(outcome.to_json()))
"""


class Bench:
    """A run folder, a marked environment, and everything that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        self.run_dir.mkdir()
        self.mark = f"VLFT_TEST_MARK={uuid.uuid4().hex}"
        name, _, value = self.mark.partition("=")
        self.env = {**os.environ, name: value, "PYTHONPATH": str(Path(vlft.__file__).parents[1])}
        self.launchers: list[subprocess.Popen[bytes]] = []

    def script(self, text: str, name: str = "trainer.py") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def launch(self, *argv: str | Path, grace_s: float = 0.3, **options: Any) -> subprocess.Popen:
        job = {
            "argv": [str(part) for part in argv],
            "env": self.env,
            "cwd": str(self.folder),
            "run_dir": str(self.run_dir),
            "grace_s": grace_s,
        }
        launcher = subprocess.Popen(
            [sys.executable, str(self.script(LAUNCHER, "launcher.py")), json.dumps(job)],
            env=self.env,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        self.launchers.append(launcher)
        return launcher

    def marked(self) -> list[psutil.Process]:
        """Every process with the mark in its environment, and every zombie that had it."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                environ = Path(f"/proc/{process.pid}/environ")
                with suppress(OSError):
                    if self.mark.encode() in environ.read_bytes():
                        found.append(process)
        own = {launcher.pid for launcher in self.launchers if launcher.poll() is not None}
        return [process for process in found if process.pid not in own]

    def names(self) -> set[str]:
        """The processes of a tree that have got ready, by the name they gave themselves."""
        return {path.name for path in self.folder.glob("ready-*")}

    def wait_ready(self, count: int) -> None:
        wait_for(lambda: len(self.names()) >= count and self.process())

    def pid_of(self, name: str) -> int:
        return int((self.folder / f"ready-{name}").read_text())

    def process(self) -> Any:
        """process.json, once it is there."""
        path = self.run_dir / "process.json"
        return json.loads(path.read_text()) if path.exists() else None

    def outcome(self) -> Any:
        """outcome.json, once it is there."""
        path = self.run_dir / "outcome.json"
        return wait_for(lambda: path.exists() and json.loads(path.read_text()))

    def end(self, launcher: subprocess.Popen[bytes]) -> Any:
        """Waits for a launcher; returns what it printed: the outcome."""
        out, err = launcher.communicate(timeout=HANG_S)
        assert launcher.returncode == 0, err.decode()
        return json.loads(out)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for process in bench.marked():  # only where a test has failed
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    for launcher in bench.launchers:
        launcher.kill()
        launcher.communicate()


@pytest.fixture
def waiting() -> Callable[..., Any]:
    return wait_for
